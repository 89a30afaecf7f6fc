#pragma once
// A model in OCI terms: descriptors, the image index and the model manifest, with the media types of the CNCF
// ModelPack specification. Bytes to values and back; nothing here touches a file.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"

namespace wan::gallery {

inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kModelArtifactType = "application/vnd.cncf.model.manifest.v1+json";
inline constexpr std::string_view kModelConfigType = "application/vnd.cncf.model.config.v1+json";
inline constexpr std::string_view kWeightType = "application/vnd.cncf.model.weight.v1.raw";
inline constexpr std::string_view kWeightConfigType = "application/vnd.cncf.model.weight.config.v1.raw";
inline constexpr std::string_view kDocType = "application/vnd.cncf.model.doc.v1.raw";
inline constexpr std::string_view kCodeType = "application/vnd.cncf.model.code.v1.raw";
inline constexpr std::string_view kDatasetType = "application/vnd.cncf.model.dataset.v1.raw";
inline constexpr std::string_view kFilepathAnnotation = "org.cncf.model.filepath";
inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";
// The member of the config blob that holds generation_config.json; readers that do not know it ignore it.
inline constexpr std::string_view kGenerationMember = "wan.gallery/generation";
// The record that a pulled directory holds about itself; no model file may have this name.
inline constexpr std::string_view kRecordName = ".wan-model.json";

// Limits on what a store that someone else wrote may make us read.
inline constexpr size_t kMaxIndexBytes = 4u << 20;
inline constexpr size_t kMaxManifestBytes = 4u << 20;
inline constexpr size_t kMaxConfigBytes = 4u << 20;
inline constexpr size_t kMaxFiles = 10'000;
inline constexpr int64_t kMaxModelBytes = int64_t{1} << 50;

struct OciDescriptor {
  std::string media_type;
  std::string artifact_type;  // "" if absent
  std::string digest;         // "sha256:..."
  int64_t size = 0;
  std::map<std::string, std::string> annotations;
};

struct ModelFile {
  std::string path;  // a key (key.h), as org.cncf.model.filepath says
  std::string digest;
  int64_t size = 0;
  std::string media_type;
};

struct ModelManifest {
  OciDescriptor config;
  std::vector<ModelFile> files;
  [[nodiscard]] int64_t bytes() const;
};

[[nodiscard]] Json to_json(const OciDescriptor& descriptor);

// Only models with raw (neither archived nor compressed) layers, whose paths are keys, all different, none a
// folder of another.
[[nodiscard]] Result<ModelManifest> parse_manifest(std::string_view bytes);
// Canonical JSON: equal values give equal bytes.
[[nodiscard]] Result<std::string> manifest_bytes(const ModelManifest& manifest);

[[nodiscard]] Result<std::vector<OciDescriptor>> parse_index(std::string_view bytes);
// The index with `entry` under `name`, in place of what had that name; other entries stay as they are.
[[nodiscard]] Result<std::string> index_with(std::string_view index, std::string_view name,
                                             const OciDescriptor& entry);

// The layer type that fits a file's name.
[[nodiscard]] std::string_view layer_type(std::string_view path);

}  // namespace wan::gallery
