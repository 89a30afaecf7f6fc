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

struct ArtifactBucket {
  std::string endpoint;
  std::string bucket;
  std::string region;  // "" means us-east-1
  NameRef secret_ref;
  std::string prefix;  // "": none

  bool operator==(const ArtifactBucket&) const = default;
  static const Table<ArtifactBucket>& table();
};

// Exactly one of the two.
struct ArtifactStore {
  std::optional<ClaimRef> pvc;
  Boxed<ArtifactBucket> s3;

  bool operator==(const ArtifactStore&) const = default;
  static const Table<ArtifactStore>& table();
};

struct Access {
  int token_generation = 1;
  int64_t previous_token_seconds = 86400;
  std::vector<std::string> token_hashes;  // of the user's own tokens, "sha256:..."

  bool operator==(const Access&) const = default;
  static const Table<Access>& table();
};

struct NamespaceSelector {
  std::map<std::string, std::string> match_labels;

  bool operator==(const NamespaceSelector&) const = default;
  static const Table<NamespaceSelector>& table();
};

// Whose VideoJobs a deployment serves.
struct AllowedNamespaces {
  std::string from = "Same";  // Same All Selector
  std::optional<NamespaceSelector> selector;

  bool operator==(const AllowedNamespaces&) const = default;
  static const Table<AllowedNamespaces>& table();
};

// Replicas by the work that waits.
struct Scaling {
  int min = 1;
  int max = 1;
  std::optional<int64_t> scale_to_zero_after_seconds;

  bool operator==(const Scaling&) const = default;
  static const Table<Scaling>& table();
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
  std::optional<Scaling> scaling;
  std::optional<Gpu> gpu;
  std::optional<Placement> placement;
  std::optional<Cache> cache;
  std::optional<ArtifactStore> artifacts;
  Access access;
  std::optional<AllowedNamespaces> allowed_namespaces;
  std::string update_policy = "OnSpecChange";  // or "Auto"
  bool protection = false;
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
  std::optional<int64_t> bytes_per_second;
  std::optional<int64_t> seconds_left;

  bool operator==(const WeightsStatus&) const = default;
  static const Table<WeightsStatus>& table();
};

struct WanDeploymentStatus {
  int64_t observed_generation = -1;
  std::string phase;
  std::string endpoint;
  std::optional<NameRef> token_secret_ref;
  std::vector<std::string> token_hashes;
  std::optional<int> desired_replicas;
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
