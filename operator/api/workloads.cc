#include "operator/api/workloads.h"

#include <algorithm>

#include "operator/api/ownership.h"

namespace wan::api {
namespace {

std::vector<WorkloadCondition> read_conditions(const Json& object) {
  std::vector<WorkloadCondition> result;
  const Json* list = find(object, {"status", "conditions"});
  if (!list || !list->is_array()) return result;
  for (const Json& condition : *list) {
    result.push_back({string_or(condition, {"type"}, ""), string_or(condition, {"status"}, ""),
                      string_or(condition, {"reason"}, ""), string_or(condition, {"message"}, "")});
  }
  return result;
}

int count_of(const Json& object, std::string_view part, std::string_view field, int otherwise) {
  return static_cast<int>(int_or(object, {part, field}, otherwise));
}

const WorkloadCondition* first_true(const std::vector<WorkloadCondition>& conditions,
                                    std::initializer_list<std::string_view> types) {
  for (const std::string_view type : types) {
    const WorkloadCondition* found = find_condition(conditions, type);
    if (found && found->status == "True") return found;
  }
  return nullptr;
}

}  // namespace

const WorkloadCondition* find_condition(const std::vector<WorkloadCondition>& conditions,
                                        std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &WorkloadCondition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool Job::complete() const { return first_true(conditions, {"Complete", "SuccessCriteriaMet"}) != nullptr; }
const WorkloadCondition* Job::failure() const { return first_true(conditions, {"Failed", "FailureTarget"}); }

template <>
const KindInfo& kind_info<Deployment>() {
  static const KindInfo info{"apps", "v1", "Deployment", "deployments", true};
  return info;
}

template <>
Result<Deployment> from_json<Deployment>(const Json& object) {
  Deployment result;
  WAN_TRY(result.metadata, meta_from_json(object));
  result.spec_replicas = count_of(object, "spec", "replicas", 1);
  result.observed_generation = int_or(object, {"status", "observedGeneration"}, 0);
  result.replicas = count_of(object, "status", "replicas", 0);
  result.updated_replicas = count_of(object, "status", "updatedReplicas", 0);
  result.ready_replicas = count_of(object, "status", "readyReplicas", 0);
  result.owned = owned_fields(object);
  result.conditions = read_conditions(object);
  return result;
}

template <>
const KindInfo& kind_info<Service>() {
  static const KindInfo info{"", "v1", "Service", "services", true};
  return info;
}

template <>
Result<Service> from_json<Service>(const Json& object) {
  Service result;
  WAN_TRY(result.metadata, meta_from_json(object));
  result.cluster_ip = string_or(object, {"spec", "clusterIP"}, "");
  result.owned = owned_fields(object);
  return result;
}

template <>
const KindInfo& kind_info<Job>() {
  static const KindInfo info{"batch", "v1", "Job", "jobs", true};
  return info;
}

template <>
Result<Job> from_json<Job>(const Json& object) {
  Job result;
  WAN_TRY(result.metadata, meta_from_json(object));
  result.active = count_of(object, "status", "active", 0);
  result.succeeded = count_of(object, "status", "succeeded", 0);
  result.failed = count_of(object, "status", "failed", 0);
  result.conditions = read_conditions(object);
  return result;
}

}  // namespace wan::api
