#include "runtime/pipeline/inspection.h"

#include <algorithm>

#include "runtime/pipeline/identify_model.h"
#include "runtime/pipeline/model_files.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::Component;

// `shared` once more, the same tensor.
bool is_second_name(const std::string& key, const weights::StoredTensors& tensors) {
  return key == "encoder.embed_tokens.weight" && tensors.contains("shared.weight");
}

PartInspection inspect_part(Component component, const ComponentFiles& opened) {
  PartInspection part = {
      .name = std::string(weights::to_string(component)), .where = opened.where, .config = opened.config};
  for (const auto& [key, tensor] : opened.tensors) {
    const auto count = static_cast<int64_t>(weights::element_count(tensor.shape).value_or(0));
    if (is_second_name(key, opened.tensors)) continue;
    ++part.tensors;
    part.parameters += count;
    part.bytes += count * static_cast<int64_t>(weights::size_of(tensor.dtype));
    part.dtypes[std::string(weights::to_string(tensor.dtype))] += count;
  }
  return part;
}

std::map<std::string, int64_t> list_files(const fs::path& directory) {
  std::map<std::string, int64_t> files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(directory, error); !error && it != fs::end(it);
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) {
      files[it->path().lexically_relative(directory).generic_string()] =
          static_cast<int64_t>(it->file_size(ignored));
    }
  }
  return files;
}

template <typename Config>
Status read_dims(const PartInspection& part, Result<Config> (*read_config)(const Json&), Config& target) {
  auto config = read_config(part.config);
  if (!config) return fail(config.error().with_context(part.where));
  target = *std::move(config);
  return {};
}

Status read_dims(const PartInspection& part, ModelDims& dims) {
  if (part.name == "text_encoder") return read_dims(part, model::umt5_config, dims.text_encoder);
  if (part.name == "transformer") return read_dims(part, model::wan_transformer_config, dims.transformer);
  if (part.name == "vae") return read_dims(part, model::autoencoder_config, dims.vae);
  return read_dims(part, model::clip_vision_config, dims.image_encoder.emplace());
}

// As weights/state_dict.h brings them in: matrices are used as they are stored where the run can widen them
// at their use, and narrowed where it computes in less; everything else becomes fp32.
PartBytes held_bytes(Component component, const weights::StoredTensors& tensors, bool bf16) {
  const bool narrow = bf16 && component != Component::kImageEncoder;
  PartBytes bytes;
  for (const auto& [key, tensor] : tensors) {
    if (is_second_name(key, tensors)) continue;
    const auto count = static_cast<int64_t>(weights::element_count(tensor.shape).value_or(0));
    const auto stored = static_cast<int64_t>(weights::size_of(tensor.dtype));
    const bool matrix = component != Component::kVae && tensor.shape.size() == 2;
    const int64_t wanted = matrix ? std::min<int64_t>(stored, narrow ? 2 : 4) : 4;
    (wanted == stored ? bytes.mapped : bytes.own) += count * wanted;
    const int64_t computed = narrow ? 2 : 4;
    // Rows of the table of embeddings are picked, not multiplied.
    if (matrix && wanted < computed && key != "shared.weight") {
      bytes.widened = std::max(bytes.widened, count * computed);
    }
  }
  return bytes;
}

PartBytes& part_of(WeightBytes& bytes, Component component) {
  switch (component) {
    case Component::kTextEncoder: return bytes.text_encoder;
    case Component::kImageEncoder: return bytes.image_encoder;
    case Component::kTransformer: return bytes.transformer;
    case Component::kVae: break;
  }
  return bytes.vae;
}

SizeNeed need_of(const ModelDims& dims, const WeightBytes& weights, const VideoDims& size, bool bf16) {
  const MemoryRequest request = {
      .width = size.width, .height = size.height, .frames = size.frames, .bf16 = bf16};
  return {size.width, size.height, size.frames, bf16 ? "bf16" : "fp32", plan_memory(dims, weights, request)};
}

}  // namespace

Result<Inspection> inspect_model(const fs::path& directory, const std::vector<VideoDims>& sizes,
                                 bool with_digest, const DigestProgress& progress) {
  WAN_TRY(const ModelFiles files, find_model_files(directory));
  Inspection out = {.directory = directory,
                    .name = model_name(directory),
                    .layout = std::string(to_string(files.layout)),
                    .task = files.from_image ? "image-to-video" : "text-to-video"};
  ModelDims dims;
  WeightBytes fp32, bf16;
  for (const Component component : components_of(files)) {
    WAN_TRY(const ComponentFiles opened, open_component(files, component));
    out.parts.push_back(inspect_part(component, opened));
    WAN_TRY_VOID(read_dims(out.parts.back(), dims));
    part_of(fp32, component) = held_bytes(component, opened.tensors, false);
    part_of(bf16, component) = held_bytes(component, opened.tensors, true);
  }
  for (const VideoDims& size : sizes) {
    out.memory.push_back(need_of(dims, fp32, size, false));
    out.memory.push_back(need_of(dims, bf16, size, true));
  }
  out.files = list_files(directory);
  if (with_digest || out.files.contains(".wan-model.json")) {
    WAN_TRY(const ModelInfo info, identify_model(directory, progress));
    out.name = info.name;
    out.digest = info.digest;
  }
  return out;
}

Json to_json(const Inspection& inspection) {
  Json parts = Json::array(), memory = Json::array();
  for (const PartInspection& part : inspection.parts) {
    parts.push_back({{"name", part.name},
                     {"tensors", part.tensors},
                     {"parameters", part.parameters},
                     {"bytes", part.bytes},
                     {"dtypes", part.dtypes},
                     {"config", part.config}});
  }
  for (const SizeNeed& need : inspection.memory) {
    Json phases = Json::array();
    int64_t host = 0, device = 0;
    for (const PhaseMemory& phase : need.phases) {
      host = std::max(host, phase.host);
      device = std::max(device, phase.device);
      phases.push_back({{"phase", phase.phase},
                        {"weights", phase.weights},
                        {"activations", phase.activations},
                        {"hostBytes", phase.host},
                        {"hostBytesAtLeast", phase.host_least},
                        {"deviceBytes", phase.device}});
    }
    memory.push_back({{"size", std::to_string(need.width) + "x" + std::to_string(need.height)},
                      {"frames", need.frames},
                      {"precision", need.precision},
                      {"hostBytes", host},
                      {"deviceBytes", device},
                      {"phases", phases}});
  }
  Json out = {{"directory", inspection.directory.string()},
              {"name", inspection.name},
              {"layout", inspection.layout},
              {"task", inspection.task},
              {"parts", parts},
              {"files", inspection.files},
              {"memory", memory}};
  if (!inspection.digest.empty()) out["digest"] = inspection.digest;
  return out;
}

}  // namespace wan::pipeline
