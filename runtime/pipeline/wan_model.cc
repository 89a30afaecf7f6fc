#include "runtime/pipeline/wan_model.h"

#include <string>

#include "runtime/pipeline/identify_model.h"
#include "runtime/pipeline/model_files.h"
#include "runtime/weights/state_dict.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::Component;

constexpr int kParts = 4;

// Opens one component and builds it. `read_config` is one of model/config.h.
template <typename Model, typename Config>
Status load_component(const ModelFiles& files, Component component, c10::Device device,
                      Result<Config> (*read_config)(const Json&), std::optional<Model>& target,
                      int64_t& parameters) {
  WAN_TRY(auto opened, open_component(files, component));
  const auto config = read_config(opened.config);
  if (!config) return fail(config.error().with_context(opened.where + ": configuration"));
  weights::StateDict state(std::move(opened.tensors), device);
  target.emplace(*config, state);
  parameters += state.parameters();
  return state.finish(opened.where);
}

Status check_agreement(const WanModel& model) {
  const auto& transformer = model.transformer->config();
  const int64_t text = model.text_encoder->config().d_model, z = model.vae->config().z_dim;
  if (transformer.text_dim != text) {
    return fail(corrupt("transformer: text_dim is " + std::to_string(transformer.text_dim) +
                        " but the text encoder gives " + std::to_string(text)));
  }
  if (transformer.in_channels != z || transformer.out_channels != z) {
    return fail(
        corrupt("transformer: in_channels and out_channels must be the VAE's z_dim, " + std::to_string(z)));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<WanModel>> load_model(const fs::path& directory, const device::Device& device,
                                             const LoadSink& progress) {
  auto model = std::make_unique<WanModel>();
  const auto report = [&](int done) {
    if (progress) progress(done, kParts);
  };
  report(0);
  WAN_TRY(const ModelFiles files, find_model_files(directory));
  if (files.from_image) {
    return fail(invalid_argument("model " + directory.string() +
                                 ": image to video cannot be run; supported: WanPipeline of Wan 2.1"));
  }
  WAN_TRY(model->info, identify_model(directory));
  WAN_TRY(model->info.defaults, read_generation_defaults(directory));
  WAN_TRY(model->tokenizer, tokenizer::load_tokenizer(files.tokenizer));
  report(1);
  int64_t& parameters = model->info.parameters;
  WAN_TRY_VOID(load_component(files, Component::kTextEncoder, device.torch, model::umt5_config,
                              model->text_encoder, parameters));
  report(2);
  WAN_TRY_VOID(load_component(files, Component::kTransformer, device.torch, model::wan_transformer_config,
                              model->transformer, parameters));
  report(3);
  WAN_TRY_VOID(load_component(files, Component::kVae, device.torch, model::autoencoder_config, model->vae,
                              parameters));
  WAN_TRY_VOID(check_agreement(*model));
  report(kParts);
  return model;
}

}  // namespace wan::pipeline
