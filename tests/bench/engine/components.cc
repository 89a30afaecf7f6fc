#include "tests/bench/engine/components.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/div.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <memory>

#include "base/io/file.h"
#include "runtime/device/memory.h"
#include "runtime/model/autoencoder_kl_wan.h"
#include "runtime/model/config.h"
#include "runtime/model/umt5_encoder.h"
#include "runtime/model/wan_transformer.h"
#include "runtime/pipeline/noise.h"
#include "runtime/weights/checkpoint.h"

namespace wan::bench {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kSeed = 7;
constexpr int64_t kTimestep = 500;

template <typename Model, typename Config, typename... Arguments>
Result<std::shared_ptr<Model>> load(const fs::path& folder, weights::Component component, const char* stem,
                                    Result<Config> (*read_config)(const Json&), at::ScalarType compute,
                                    Arguments... arguments) {
  WAN_TRY(const std::string text, read_file(folder / "config.json", 1u << 20));
  WAN_TRY(const Json json, parse_json(text));
  WAN_TRY(const Config config, read_config(json));
  WAN_TRY(auto tensors, weights::open_checkpoint(folder, stem));
  weights::StateDict state(weights::with_diffusers_keys(component, std::move(tensors)), c10::kCPU, compute);
  auto model = std::make_shared<Model>(config, state, arguments...);
  WAN_TRY_VOID(state.finish(folder.string()));
  return model;
}

// Without a copy: what is measured is the component's memory.
double figure(const at::Tensor& output) {
  return at::linalg_vector_norm(output, 2, at::OptionalIntArrayRef(), /*keepdim=*/false, at::kDouble)
      .item<double>();
}

Result<Run> dit(const fs::path& model, const std::vector<int64_t>& shape, at::ScalarType compute) {
  WAN_TRY(const auto transformer, (load<model::WanTransformer3DModel>(
                                      model / "transformer", weights::Component::kTransformer,
                                      "diffusion_pytorch_model", model::wan_transformer_config, compute)));
  const auto& config = transformer->config();
  const at::Tensor latents =
      pipeline::gaussian_noise({config.in_channels, shape[0], shape[1], shape[2]}, kSeed);
  const auto text = std::make_shared<model::TextContext>(
      transformer->encode_text(pipeline::gaussian_noise({shape[3], config.text_dim}, kSeed)));
  const at::Tensor rotary = transformer->rotary(shape[0], shape[1], shape[2]);
  const auto kept = std::make_shared<device::KeptAllocations>();  // as while a generation denoises
  return [=] {
    static_cast<void>(kept);
    return figure(transformer->forward(latents, kTimestep, *text, {}, rotary, {}));
  };
}

Result<Run> text(const fs::path& model, const std::vector<int64_t>& shape, at::ScalarType compute) {
  WAN_TRY(const auto encoder,
          (load<model::UMT5EncoderModel>(model / "text_encoder", weights::Component::kTextEncoder, "model",
                                         model::umt5_config, compute)));
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < shape[0]; ++i) ids.push_back(10 + 7 * i);
  return [=] { return figure(encoder->forward(ids, {})); };
}

Result<Run> vae_decode(const fs::path& model, const std::vector<int64_t>& shape) {
  WAN_TRY(const auto vae,
          (load<model::AutoencoderKLWan>(model / "vae", weights::Component::kVae, "diffusion_pytorch_model",
                                         model::autoencoder_config, at::kFloat)));
  const at::Tensor z = pipeline::gaussian_noise({vae->config().z_dim, shape[0], shape[1], shape[2]}, kSeed);
  // The peer starts from the decoder's scale, ours from the transformer's.
  const at::Tensor mean = at::tensor(vae->config().latents_mean).view({-1, 1, 1, 1});
  const at::Tensor std = at::tensor(vae->config().latents_std).view({-1, 1, 1, 1});
  const at::Tensor latents = at::div(at::sub(z, mean), std);
  return [=] {
    model::FeatCache cache;
    double squares = 0;
    for (int64_t i = 0; i < latents.size(1); ++i) {
      at::Tensor frames = vae->decode(latents.narrow(1, i, 1), cache, {});
      const double part = figure(frames.clamp_(-1, 1));  // as the peer's decoder does itself
      squares += part * part;
    }
    return std::sqrt(squares);
  };
}

Result<Run> vae_encode(const fs::path& model, const std::vector<int64_t>& shape) {
  WAN_TRY(const auto vae,
          (load<model::AutoencoderKLWan>(model / "vae", weights::Component::kVae, "diffusion_pytorch_model",
                                         model::autoencoder_config, at::kFloat)));
  const at::Tensor video = pipeline::gaussian_noise({3, shape[0], shape[1], shape[2]}, kSeed).clamp(-1, 1);
  return [=] {
    model::FeatCache cache;
    double squares = 0;
    for (int64_t first = 0; first < video.size(1);) {
      const int64_t count = first == 0 ? 1 : 4;
      const double part = figure(vae->encode(video.narrow(1, first, count), false, cache, {}));
      squares += part * part;
      first += count;
    }
    return std::sqrt(squares);
  };
}

}  // namespace

Result<Run> prepare(const std::string& row, const fs::path& model, const std::vector<int64_t>& shape,
                    const std::string& precision) {
  const at::ScalarType compute = precision == "bf16" ? at::kBFloat16 : at::kFloat;
  if (row == "dit" && shape.size() == 4) return dit(model, shape, compute);
  if (row == "text" && shape.size() == 1) return text(model, shape, compute);
  if (row == "vae-encode" && shape.size() == 3) return vae_encode(model, shape);
  if (row == "vae-decode" && shape.size() == 3) return vae_decode(model, shape);
  return fail(invalid_argument("no row '" + row + "' with " + std::to_string(shape.size()) + " sizes"));
}

}  // namespace wan::bench
