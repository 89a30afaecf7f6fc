#pragma once
// Deployment, Service and batch Job, trimmed to what plans read.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/kind.h"
#include "operator/api/meta.h"

namespace wan::api {

// A condition of a built-in kind.
struct WorkloadCondition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;

  bool operator==(const WorkloadCondition&) const = default;
};

struct Deployment {
  Meta metadata;
  int spec_replicas = 1;
  int64_t observed_generation = 0;
  int replicas = 0;
  int updated_replicas = 0;
  int ready_replicas = 0;
  std::vector<WorkloadCondition> conditions;
  std::string owned;  // owned_fields()

  bool operator==(const Deployment&) const = default;
};

struct Service {
  Meta metadata;
  std::string cluster_ip;  // "None" for headless, "" while none is given
  std::string owned;       // owned_fields()

  bool operator==(const Service&) const = default;
};

struct Job {
  Meta metadata;
  int active = 0;
  int succeeded = 0;
  int failed = 0;
  std::vector<WorkloadCondition> conditions;

  bool operator==(const Job&) const = default;
  [[nodiscard]] bool complete() const;                     // condition Complete or SuccessCriteriaMet is true
  [[nodiscard]] const WorkloadCondition* failure() const;  // condition Failed or FailureTarget, if true
};

[[nodiscard]] const WorkloadCondition* find_condition(const std::vector<WorkloadCondition>& conditions,
                                                      std::string_view type);

template <>
const KindInfo& kind_info<Deployment>();
template <>
Result<Deployment> from_json<Deployment>(const Json& object);
template <>
const KindInfo& kind_info<Service>();
template <>
Result<Service> from_json<Service>(const Json& object);
template <>
const KindInfo& kind_info<Job>();
template <>
Result<Job> from_json<Job>(const Json& object);

}  // namespace wan::api
