#include "runtime/pipeline/inspection.h"

#include <algorithm>

#include "runtime/pipeline/identify_model.h"
#include "runtime/pipeline/memory_plan.h"
#include "runtime/pipeline/model_files.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::Component;

PartInspection inspect_part(Component component, const ComponentFiles& opened) {
  PartInspection part = {
      .name = std::string(weights::to_string(component)), .where = opened.where, .config = opened.config};
  for (const auto& [key, tensor] : opened.tensors) {
    const auto count = static_cast<int64_t>(weights::element_count(tensor.shape).value_or(0));
    // Under its other name, the same tensor as `shared`.
    if (key == "encoder.embed_tokens.weight" && opened.tensors.contains("shared.weight")) continue;
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

// A run widens nothing that it can multiply as it is: fp32 needs four bytes where more than two are stored.
int64_t held_bytes(const PartInspection& part, bool bf16) {
  const bool wide = part.bytes > 2 * part.parameters;
  if (part.name == "vae") return part.parameters * 4;
  return bf16 && wide ? part.parameters * 2 : part.bytes;
}

PartBytes part_bytes(const std::vector<PartInspection>& parts, bool bf16) {
  PartBytes bytes;
  for (const PartInspection& part : parts) {
    if (part.name == "text_encoder") bytes.text_encoder = held_bytes(part, bf16);
    if (part.name == "image_encoder") bytes.image_encoder = held_bytes(part, bf16);
    if (part.name == "transformer") bytes.transformer = held_bytes(part, bf16);
    if (part.name == "vae") bytes.vae = held_bytes(part, bf16);
  }
  return bytes;
}

SizeNeed need_of(const ModelDims& dims, const std::vector<PartInspection>& parts, const VideoDims& size,
                 bool bf16) {
  SizeNeed need = {size.width, size.height, size.frames, bf16 ? "bf16" : "fp32", {}, 0};
  const MemoryRequest request = {
      .width = size.width, .height = size.height, .frames = size.frames, .bf16 = bf16};
  for (const PhaseMemory& phase : plan_memory(dims, part_bytes(parts, bf16), request)) {
    need.phases.push_back({phase.phase, phase.weights, phase.activations});
    need.peak = std::max(need.peak, phase.total());
  }
  return need;
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
  for (const Component component : components_of(files)) {
    WAN_TRY(const ComponentFiles opened, open_component(files, component));
    out.parts.push_back(inspect_part(component, opened));
    WAN_TRY_VOID(read_dims(out.parts.back(), dims));
  }
  for (const VideoDims& size : sizes) {
    for (const bool bf16 : {false, true}) out.memory.push_back(need_of(dims, out.parts, size, bf16));
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
    for (const PhaseNeed& phase : need.phases) {
      phases.push_back(
          {{"phase", phase.phase}, {"weights", phase.weights}, {"activations", phase.activations}});
    }
    memory.push_back({{"size", std::to_string(need.width) + "x" + std::to_string(need.height)},
                      {"frames", need.frames},
                      {"precision", need.precision},
                      {"hostBytes", need.peak},
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
