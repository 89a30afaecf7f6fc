#include "runtime/pipeline/wan_model.h"

#include <chrono>
#include <string>

#include "runtime/pipeline/identify_model.h"
#include "runtime/pipeline/model_files.h"
#include "runtime/weights/state_dict.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::Component;

constexpr int64_t kMaskChannels = 4;

// Where and in which type a component computes; `between` is called before each of its tensors.
struct Placement {
  c10::Device device = c10::kCPU;
  at::ScalarType compute = at::kFloat;
  const model::Checkpoint& between;
};

// Builds one component. `read_config` is one of model/config.h.
template <typename Model, typename Config, typename... Options>
Status build_component(ComponentFiles opened, const Placement& placement,
                       Result<Config> (*read_config)(const Json&), std::optional<Model>& target,
                       int64_t& parameters, Options... options) {
  const auto config = read_config(opened.config);
  if (!config) return fail(config.error().with_context(opened.where + ": configuration"));
  weights::StateDict state(std::move(opened.tensors), placement.device, placement.compute);
  state.before_each(placement.between);
  target.emplace(*config, state, options...);
  parameters += state.parameters();
  return state.finish(opened.where);
}

template <typename Model, typename Config, typename... Options>
Status load_component(const ModelFiles& files, Component component, const Placement& placement,
                      Result<Config> (*read_config)(const Json&), std::optional<Model>& target,
                      int64_t& parameters, Options... options) {
  WAN_TRY(auto opened, open_component(files, component));
  return build_component(std::move(opened), placement, read_config, target, parameters, options...);
}

int64_t elements(const weights::StoredTensors& tensors) {
  int64_t sum = 0;
  for (const auto& [name, tensor] : tensors) {
    sum += static_cast<int64_t>(weights::element_count(tensor.shape).value_or(0));
  }
  return sum;
}

Status check_image_agreement(const WanModel& model) {
  const auto image_dim = model.transformer->config().image_dim;
  if (image_dim.has_value() != model.image_encoder.has_value()) {
    return fail(corrupt("transformer: image_dim must be set for image to video and only then"));
  }
  if (!image_dim || *image_dim == model.image_encoder->config().hidden_size) return {};
  return fail(corrupt("transformer: image_dim is " + std::to_string(*image_dim) +
                      " but the image encoder gives " +
                      std::to_string(model.image_encoder->config().hidden_size)));
}

Status check_agreement(const WanModel& model) {
  const auto& transformer = model.transformer->config();
  const int64_t text = model.text_encoder->config().d_model, z = model.vae->config().z_dim;
  if (transformer.text_dim != text) {
    return fail(corrupt("transformer: text_dim is " + std::to_string(transformer.text_dim) +
                        " but the text encoder gives " + std::to_string(text)));
  }
  const int64_t in = model.image_encoder ? z + kMaskChannels + z : z;
  if (transformer.in_channels != in || transformer.out_channels != z) {
    return fail(corrupt("transformer: in_channels must be " + std::to_string(in) + " and out_channels " +
                        std::to_string(z) + ", as the VAE's z_dim is " + std::to_string(z)));
  }
  return check_image_agreement(model);
}

std::function<void(int64_t, int64_t)> hash_progress(const ProgressSink& sink,
                                                    const model::Checkpoint& between) {
  const auto began = std::chrono::steady_clock::now();
  return [&sink, &between, began](int64_t done, int64_t total) {
    if (between) between();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began;
    if (!sink || elapsed.count() < 1) return;  // not worth a word
    const double part = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
    sink({.phase = "Hash",
          .done = done,
          .total = total,
          .percent = 100 * part,
          .seconds_left = part > 0 ? elapsed.count() * (1 - part) / part : -1});
  };
}

}  // namespace

Result<std::unique_ptr<WanModel>> load_model(const fs::path& directory, const device::Device& device,
                                             const ProgressSink& progress, const std::string& precision,
                                             const model::Checkpoint& between_tensors) {
  auto model = std::make_unique<WanModel>();
  WAN_TRY(const ModelFiles files, find_model_files(directory));
  const int parts = files.from_image ? 5 : 4;
  int done = 0;
  const auto report = [&] {
    if (progress) progress({.phase = "Load", .done = done, .total = parts, .percent = 100.0 * done / parts});
    ++done;
  };
  WAN_TRY(model->info, identify_model(directory, hash_progress(progress, between_tensors)));
  report();
  WAN_TRY(model->info.defaults, read_generation_defaults(directory));
  WAN_TRY(model->tokenizer, tokenizer::load_tokenizer(files.tokenizer));
  report();
  WAN_TRY(auto transformer, open_component(files, Component::kTransformer));
  WAN_TRY(const auto chosen,
          device::choose_precision(precision, device.machine, elements(transformer.tensors)));
  model->info.precision = device::to_string(chosen);
  const auto narrow = chosen == device::Precision::kBf16 ? at::kBFloat16 : at::kFloat;
  const Placement fp32 = {device.torch, at::kFloat, between_tensors};
  const Placement matrices = {device.torch, narrow, between_tensors};
  int64_t& parameters = model->info.parameters;
  WAN_TRY_VOID(load_component(files, Component::kTextEncoder, matrices, model::umt5_config,
                              model->text_encoder, parameters));
  report();
  if (files.from_image) {
    WAN_TRY_VOID(load_component(files, Component::kImageEncoder, fp32, model::clip_vision_config,
                                model->image_encoder, parameters));
    report();
  }
  WAN_TRY_VOID(build_component(std::move(transformer), matrices, model::wan_transformer_config,
                               model->transformer, parameters));
  report();
  using Parts = model::AutoencoderKLWan::Parts;
  WAN_TRY_VOID(load_component(files, Component::kVae, fp32, model::autoencoder_config, model->vae, parameters,
                              files.from_image ? Parts::kEncoderAndDecoder : Parts::kDecoder));
  WAN_TRY_VOID(check_agreement(*model));
  report();
  return model;
}

}  // namespace wan::pipeline
