#include "runtime/pipeline/model_files.h"

#include <utility>

#include "base/io/file.h"
#include "runtime/pipeline/official_config.h"
#include "runtime/weights/checkpoint.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::Component;

// Names of the published repositories, without their endings.
constexpr const char* kOfficialText = "models_t5_umt5-xxl-enc-bf16";
constexpr const char* kOfficialImage = "models_clip_open-clip-xlm-roberta-large-vit-huge-14";
constexpr const char* kOfficialVae = "Wan2.1_VAE";
constexpr const char* kDiffusionModel = "diffusion_pytorch_model";

Result<Json> read_json(const fs::path& file) {
  WAN_TRY(const std::string text, read_file(file, 4u << 20));
  auto json = parse_json(text);
  if (!json) return fail(json.error().with_context(file.string()));
  return json;
}

Result<ModelFiles> read_model_index(const fs::path& directory) {
  const fs::path file = directory / "model_index.json";
  WAN_TRY(const Json index, read_json(file));
  const std::string kind = string_or(index, {"_class_name"}, "");
  const Json* second = find(index, {"transformer_2"});
  const bool two_experts = second && second->is_array() && !second->empty() && !second->front().is_null();
  const bool from_image = kind == "WanImageToVideoPipeline";
  if ((kind == "WanPipeline" || from_image) && !two_experts) {
    return ModelFiles{directory, Layout::kDiffusers, from_image, directory / "tokenizer"};
  }
  return fail(invalid_argument(
      file.string() + ": " + (two_experts ? "two transformers (Wan 2.2)" : "'" + kind + "'") +
      " cannot be run; supported: WanPipeline and WanImageToVideoPipeline of Wan 2.1"));
}

Result<ModelFiles> read_official(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  WAN_TRY(const Json config, read_json(file));
  const std::string type = string_or(config, {"model_type"}, "");
  if (type == "t2v" || type == "i2v") {
    return ModelFiles{directory, Layout::kOfficial, type == "i2v", directory / "google/umt5-xxl"};
  }
  return fail(invalid_argument(file.string() + ": model_type: '" + type +
                               "' cannot be run; supported: t2v and i2v, of Wan 2.1"));
}

const char* official_stem(Component component) {
  switch (component) {
    case Component::kTextEncoder: return kOfficialText;
    case Component::kImageEncoder: return kOfficialImage;
    case Component::kVae: return kOfficialVae;
    case Component::kTransformer: return kDiffusionModel;
  }
  return "";
}

Result<ComponentFiles> open_official(const ModelFiles& files, Component component) {
  const std::string stem = official_stem(component);
  ComponentFiles out = {.where = (files.directory / stem).string()};
  WAN_TRY(auto tensors, weights::open_checkpoint(files.directory, stem));
  out.tensors = weights::with_diffusers_keys(component, std::move(tensors));
  Json published;
  if (component == Component::kTransformer) {
    WAN_TRY(published, read_json(files.directory / "config.json"));
  }
  auto config = official_config(component, published, out.tensors);
  if (!config) return fail(config.error().with_context(out.where));
  out.config = *std::move(config);
  return out;
}

}  // namespace

std::string_view to_string(Layout layout) { return layout == Layout::kOfficial ? "official" : "diffusers"; }

Result<ModelFiles> find_model_files(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return fail(not_found("model " + directory.string() + ": there is no such directory"));
  }
  if (fs::exists(directory / "model_index.json", ignored)) return read_model_index(directory);
  if (fs::exists(directory / "config.json", ignored)) return read_official(directory);
  return fail(
      not_found("model " + directory.string() +
                ": has no model_index.json (diffusers layout) and no config.json (official layout); a "
                "model is a directory in one of these layouts"));
}

Result<ComponentFiles> open_component(const ModelFiles& files, Component component) {
  if (files.layout == Layout::kOfficial) return open_official(files, component);
  const fs::path folder = files.directory / weights::to_string(component);
  const bool of_transformers = component == Component::kTextEncoder || component == Component::kImageEncoder;
  ComponentFiles out = {.where = folder.string()};
  WAN_TRY(out.config, read_json(folder / "config.json"));
  WAN_TRY(auto tensors, weights::open_checkpoint(folder, of_transformers ? "model" : kDiffusionModel));
  out.tensors = weights::with_diffusers_keys(component, std::move(tensors));
  return out;
}

std::vector<Component> components_of(const ModelFiles& files) {
  if (!files.from_image) return {Component::kTextEncoder, Component::kTransformer, Component::kVae};
  return {Component::kTextEncoder, Component::kImageEncoder, Component::kTransformer, Component::kVae};
}

}  // namespace wan::pipeline
