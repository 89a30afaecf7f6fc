#include "runtime/gallery/manifest.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/crypto/sha256.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

constexpr std::array kLayerTypes = {kWeightType, kWeightConfigType, kDocType, kCodeType, kDatasetType};

Result<OciDescriptor> parse_descriptor(const Json& json, const std::string& where) {
  if (!json.is_object()) return fail(corrupt(where + ": must be an object"));
  OciDescriptor descriptor;
  descriptor.media_type = string_or(json, {"mediaType"}, "");
  descriptor.artifact_type = string_or(json, {"artifactType"}, "");
  descriptor.digest = string_or(json, {"digest"}, "");
  descriptor.size = int_or(json, {"size"}, -1);
  if (!is_sha256_digest(descriptor.digest)) {
    return fail(corrupt(where + ".digest: \"" + descriptor.digest.substr(0, 80) +
                        "\" is not sha256: and 64 hex digits"));
  }
  if (descriptor.size < 0 || descriptor.size > kMaxModelBytes) {
    return fail(corrupt(where + ".size: must be a number of bytes from 0 to 2^50"));
  }
  if (const Json* annotations = find(json, {"annotations"}); annotations && annotations->is_object()) {
    for (const auto& [name, value] : annotations->items()) {
      if (value.is_string()) descriptor.annotations[name] = value.get<std::string>();
    }
  }
  return descriptor;
}

Result<Json> parse_document(std::string_view bytes, size_t max_bytes, const std::string& what) {
  JsonLimits limits;
  limits.max_bytes = max_bytes;
  auto json = parse_json(bytes, limits);
  if (!json) return fail(corrupt(what + ": " + json.error().message));
  if (!json->is_object() || int_or(*json, {"schemaVersion"}, 0) != 2) {
    return fail(corrupt(what + ": schemaVersion must be 2"));
  }
  return json;
}

Result<ModelFile> parse_layer(const Json& json, const std::string& where) {
  WAN_TRY(const OciDescriptor descriptor, parse_descriptor(json, where));
  if (std::ranges::find(kLayerTypes, descriptor.media_type) == kLayerTypes.end()) {
    return fail(corrupt(where + ".mediaType: \"" + descriptor.media_type.substr(0, 120) +
                        "\" is not supported; layers must be plain files, such as " +
                        std::string(kWeightType)));
  }
  const auto path = descriptor.annotations.find(std::string(kFilepathAnnotation));
  if (path == descriptor.annotations.end()) {
    return fail(corrupt(where + ".annotations: " + std::string(kFilepathAnnotation) + " is missing"));
  }
  if (auto good = check_key(path->second); !good) {
    return fail(
        corrupt(where + ".annotations: " + std::string(kFilepathAnnotation) + ": " + good.error().message));
  }
  return ModelFile{path->second, descriptor.digest, descriptor.size, descriptor.media_type};
}

// No path twice, none a folder of another, none the name of our own record.
Status check_paths(const std::vector<ModelFile>& files) {
  std::set<std::string, std::less<>> paths;
  for (const ModelFile& file : files) {
    if (!paths.insert(file.path).second || file.path == kRecordName) {
      return fail(corrupt("manifest: the path \"" + file.path + "\" appears twice or is reserved"));
    }
  }
  for (const std::string& path : paths) {
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (paths.contains(path.substr(0, slash))) {
        return fail(corrupt("manifest: \"" + path.substr(0, slash) + "\" is both a file and a folder"));
      }
    }
  }
  return {};
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return text.ends_with(ending); });
}

}  // namespace

int64_t ModelManifest::bytes() const {
  int64_t total = 0;
  for (const ModelFile& file : files) total += file.size;
  return total;
}

Json to_json(const OciDescriptor& descriptor) {
  Json json = {
      {"mediaType", descriptor.media_type}, {"digest", descriptor.digest}, {"size", descriptor.size}};
  if (!descriptor.artifact_type.empty()) json["artifactType"] = descriptor.artifact_type;
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  return json;
}

Result<ModelManifest> parse_manifest(std::string_view bytes) {
  WAN_TRY(const Json json, parse_document(bytes, kMaxManifestBytes, "manifest"));
  if (const std::string type = string_or(json, {"artifactType"}, ""); type != kModelArtifactType) {
    return fail(corrupt("manifest.artifactType: \"" + type.substr(0, 120) + "\" is not a model; expected " +
                        std::string(kModelArtifactType)));
  }
  const Json* config = find(json, {"config"});
  const Json* layers = find(json, {"layers"});
  if (!config || !layers || !layers->is_array() || layers->empty() || layers->size() > kMaxFiles) {
    return fail(corrupt("manifest: config and 1 to " + std::to_string(kMaxFiles) + " layers are needed"));
  }
  ModelManifest manifest;
  WAN_TRY(manifest.config, parse_descriptor(*config, "manifest.config"));
  if (manifest.config.media_type != kModelConfigType ||
      std::cmp_greater(manifest.config.size, kMaxConfigBytes)) {
    return fail(corrupt("manifest.config: must be " + std::string(kModelConfigType) + " of at most " +
                        std::to_string(kMaxConfigBytes) + " bytes"));
  }
  for (const Json& layer : *layers) {
    WAN_TRY(ModelFile file,
            parse_layer(layer, "manifest.layers[" + std::to_string(manifest.files.size()) + "]"));
    manifest.files.push_back(std::move(file));
  }
  WAN_TRY_VOID(check_paths(manifest.files));
  return manifest;
}

Result<std::string> manifest_bytes(const ModelManifest& manifest) {
  Json layers = Json::array();
  for (const ModelFile& file : manifest.files) {
    layers.push_back(to_json(OciDescriptor{
        file.media_type, "", file.digest, file.size, {{std::string(kFilepathAnnotation), file.path}}}));
  }
  return canonical_json({{"schemaVersion", 2},
                         {"mediaType", kManifestType},
                         {"artifactType", kModelArtifactType},
                         {"config", to_json(manifest.config)},
                         {"layers", layers}});
}

Result<std::vector<OciDescriptor>> parse_index(std::string_view bytes) {
  WAN_TRY(const Json json, parse_document(bytes, kMaxIndexBytes, "index.json"));
  const Json* manifests = find(json, {"manifests"});
  if (!manifests || !manifests->is_array()) return fail(corrupt("index.json: manifests must be an array"));
  std::vector<OciDescriptor> entries;
  for (const Json& entry : *manifests) {
    WAN_TRY(OciDescriptor descriptor,
            parse_descriptor(entry, "index.json: manifests[" + std::to_string(entries.size()) + "]"));
    entries.push_back(std::move(descriptor));
  }
  return entries;
}

Result<std::string> index_with(std::string_view index, std::string_view name, const OciDescriptor& entry) {
  Json json = {{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", Json::array()}};
  if (!index.empty()) {
    WAN_TRY_VOID(parse_index(index));
    WAN_TRY(json, parse_document(index, kMaxIndexBytes, "index.json"));
  }
  Json kept = Json::array();
  for (const Json& old : json["manifests"]) {
    const Json* annotation = find(old, {"annotations", kRefNameAnnotation});
    if (!annotation || *annotation != name) kept.push_back(old);
  }
  OciDescriptor named = entry;
  named.annotations[std::string(kRefNameAnnotation)] = name;
  kept.push_back(to_json(named));
  json["manifests"] = std::move(kept);
  return canonical_json(json);
}

std::string_view layer_type(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".safetensors")) return kWeightType;
  if (ends_with_any(name, {".md", ".txt", ".png", ".jpg", ".jpeg", ".gif", ".mp4", ".pdf"}) ||
      name.starts_with("LICENSE") || name.starts_with("NOTICE")) {
    return kDocType;
  }
  if (ends_with_any(name, {".py", ".sh", ".ipynb"})) return kCodeType;
  return kWeightConfigType;
}

}  // namespace wan::gallery
