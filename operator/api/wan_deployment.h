#pragma once
// WanDeployment: a served model.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/conditions.h"
#include "operator/api/kind.h"
#include "operator/api/meta.h"
#include "operator/api/shared.h"

namespace wan::api {

struct ArtifactStore {
  std::optional<ClaimRef> pvc;

  bool operator==(const ArtifactStore&) const = default;
  static const Table<ArtifactStore>& table();
};

struct Access {
  int token_generation = 1;

  bool operator==(const Access&) const = default;
  static const Table<Access>& table();
};

struct PodMetadata {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;

  bool operator==(const PodMetadata&) const = default;
  static const Table<PodMetadata>& table();
};

struct PodTemplate {
  PodMetadata metadata;

  bool operator==(const PodTemplate&) const = default;
  static const Table<PodTemplate>& table();
};

struct WanDeploymentSpec {
  ModelRef model;
  std::string profile;  // "" means the model's first
  int replicas = 1;
  std::optional<Gpu> gpu;
  std::optional<Placement> placement;
  std::optional<Cache> cache;
  std::optional<ArtifactStore> artifacts;
  Access access;
  bool suspend = false;
  std::optional<PodTemplate> pod_template;

  bool operator==(const WanDeploymentSpec&) const = default;
  static const Table<WanDeploymentSpec>& table();
};

struct ModelStatus {
  std::string digest;

  bool operator==(const ModelStatus&) const = default;
  static const Table<ModelStatus>& table();
};

struct WeightsStatus {
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;

  bool operator==(const WeightsStatus&) const = default;
  static const Table<WeightsStatus>& table();
};

struct WanDeploymentStatus {
  int64_t observed_generation = -1;
  std::string phase;
  std::string endpoint;
  std::optional<NameRef> token_secret_ref;
  std::vector<std::string> token_hashes;
  int replicas = 0;
  int ready_replicas = 0;
  std::string selector;
  std::optional<ModelStatus> model;
  std::optional<WeightsStatus> weights;
  Conditions conditions;

  bool operator==(const WanDeploymentStatus&) const = default;
  static const Table<WanDeploymentStatus>& table();
};

struct WanDeployment {
  Meta metadata;
  WanDeploymentSpec spec;
  WanDeploymentStatus status;

  bool operator==(const WanDeployment&) const = default;
};

template <>
const KindInfo& kind_info<WanDeployment>();
template <>
Result<WanDeployment> from_json<WanDeployment>(const Json& object);
[[nodiscard]] Json to_json(const WanDeploymentSpec& spec);
[[nodiscard]] Json to_json(const WanDeploymentStatus& status);

}  // namespace wan::api
