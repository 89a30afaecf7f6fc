#include "runtime/pipeline/wan_model.h"

#include <string>

#include "base/io/file.h"
#include "runtime/pipeline/identify_model.h"
#include "runtime/weights/checkpoint.h"
#include "runtime/weights/state_dict.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::Component;

constexpr int kParts = 4;

Result<Json> read_json(const fs::path& file) {
  WAN_TRY(const std::string text, read_file(file, 4u << 20));
  auto json = parse_json(text);
  if (!json) return fail(json.error().with_context(file.string()));
  return json;
}

Status check_model_index(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return fail(not_found("model " + directory.string() + ": there is no such directory"));
  }
  const fs::path file = directory / "model_index.json";
  if (!fs::exists(file, ignored)) {
    return fail(not_found("model " + directory.string() +
                          ": has no model_index.json; a model is a directory in the diffusers layout"));
  }
  WAN_TRY(const Json index, read_json(file));
  const std::string kind = string_or(index, {"_class_name"}, "");
  const Json* second = find(index, {"transformer_2"});
  const bool two_experts = second && second->is_array() && !second->empty() && !second->front().is_null();
  if (kind == "WanPipeline" && !two_experts) return {};
  return fail(invalid_argument(file.string() + ": " +
                               (two_experts ? "two transformers (Wan 2.2)" : "'" + kind + "'") +
                               " cannot be run; supported: WanPipeline of Wan 2.1, text to video"));
}

// Reads one component's configuration and weights and builds it. `read_config` is one of model/config.h.
template <typename Model, typename Config>
Status load_component(const fs::path& directory, Component component, const char* stem, c10::Device device,
                      Result<Config> (*read_config)(const Json&), std::optional<Model>& target,
                      int64_t& parameters) {
  const fs::path folder = directory / weights::to_string(component);
  WAN_TRY(const Json json, read_json(folder / "config.json"));
  const auto config = read_config(json);
  if (!config) return fail(config.error().with_context((folder / "config.json").string()));
  WAN_TRY(auto tensors, weights::open_checkpoint(folder, stem));
  weights::StateDict state(weights::with_diffusers_keys(component, std::move(tensors)), device);
  target.emplace(*config, state);
  parameters += state.parameters();
  return state.finish(folder.string());
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
  WAN_TRY_VOID(check_model_index(directory));
  WAN_TRY(model->info, identify_model(directory));
  WAN_TRY(model->info.defaults, read_generation_defaults(directory));
  WAN_TRY(model->tokenizer, tokenizer::load_tokenizer(directory / "tokenizer"));
  report(1);
  int64_t& parameters = model->info.parameters;
  WAN_TRY_VOID(load_component(directory, Component::kTextEncoder, "model", device.torch, model::umt5_config,
                              model->text_encoder, parameters));
  report(2);
  WAN_TRY_VOID(load_component(directory, Component::kTransformer, "diffusion_pytorch_model", device.torch,
                              model::wan_transformer_config, model->transformer, parameters));
  report(3);
  WAN_TRY_VOID(load_component(directory, Component::kVae, "diffusion_pytorch_model", device.torch,
                              model::autoencoder_config, model->vae, parameters));
  WAN_TRY_VOID(check_agreement(*model));
  report(kParts);
  return model;
}

}  // namespace wan::pipeline
