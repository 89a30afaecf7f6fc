#pragma once
// GalleryModel: a catalog entry, cluster-scoped.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/conditions.h"
#include "operator/api/kind.h"
#include "operator/api/meta.h"
#include "operator/api/shared.h"

namespace wan::api {

struct LocalSource {
  std::string path;  // an OCI image layout: in the runtime image, or in `pvc`
  std::string ref;   // its entry; "" means the GalleryModel's name
  std::optional<ClaimRef> pvc;

  bool operator==(const LocalSource&) const = default;
  static const Table<LocalSource>& table();
};

struct Source {
  std::optional<LocalSource> local;
  std::string digest;

  bool operator==(const Source&) const = default;
  static const Table<Source>& table();
};

struct Profile {
  std::string name;
  int gpus_per_replica = 0;
  std::string gpu_resource_name = "nvidia.com/gpu";
  Quantity cpu;
  Quantity memory;
  std::string precision = "fp32";

  bool operator==(const Profile&) const = default;
  static const Table<Profile>& table();
};

struct GalleryModelSpec {
  std::string display_name;
  std::string summary;
  std::string family;
  std::string task = "text-to-video";
  std::string parameters;
  std::vector<std::string> resolutions;
  std::string license;
  Source source;
  std::vector<Profile> profiles;

  bool operator==(const GalleryModelSpec&) const = default;
  static const Table<GalleryModelSpec>& table();
};

// What the model itself says a VideoJob without these fields gets.
struct ModelDefaults {
  std::string size;
  int frames = 0;
  int fps = 0;
  int steps = 0;
  double guidance_scale = 0;
  double shift = 0;
  std::string sampler;

  bool operator==(const ModelDefaults&) const = default;
  static const Table<ModelDefaults>& table();
};

struct GalleryModelStatus {
  int64_t observed_generation = -1;
  std::string digest;
  std::optional<int64_t> bytes;
  std::optional<ModelDefaults> defaults;
  std::string inspection;  // of which source, in which image, the three above were read
  Conditions conditions;

  bool operator==(const GalleryModelStatus&) const = default;
  static const Table<GalleryModelStatus>& table();
};

struct GalleryModel {
  Meta metadata;
  GalleryModelSpec spec;
  GalleryModelStatus status;

  bool operator==(const GalleryModel&) const = default;
};

template <>
const KindInfo& kind_info<GalleryModel>();
template <>
Result<GalleryModel> from_json<GalleryModel>(const Json& object);
[[nodiscard]] Json to_json(const GalleryModelSpec& spec);
[[nodiscard]] Json to_json(const GalleryModelStatus& status);

}  // namespace wan::api
