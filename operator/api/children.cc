#include "operator/api/children.h"

#include "operator/api/ownership.h"

namespace wan::api {
namespace {

template <typename T>
Result<T> read_child(const Json& object) {
  T result;
  WAN_TRY(result.metadata, meta_from_json(object));
  result.owned = owned_fields(object);
  return result;
}

}  // namespace

template <>
const KindInfo& kind_info<ControllerRevision>() {
  static const KindInfo info{"apps", "v1", "ControllerRevision", "controllerrevisions", true};
  return info;
}

template <>
Result<ControllerRevision> from_json<ControllerRevision>(const Json& object) {
  ControllerRevision result;
  WAN_TRY(result.metadata, meta_from_json(object));
  result.revision = int_or(object, {"revision"}, 0);
  if (const Json* data = find(object, {"data"})) result.data = data->dump();
  return result;
}

template <>
const KindInfo& kind_info<Namespace>() {
  static const KindInfo info{"", "v1", "Namespace", "namespaces", false};
  return info;
}

template <>
Result<Namespace> from_json<Namespace>(const Json& object) {
  Namespace result;
  WAN_TRY(result.metadata, meta_from_json(object));
  const Json* labels = find(object, {"metadata", "labels"});
  if (labels == nullptr || !labels->is_object()) return result;
  for (const auto& [key, value] : labels->items()) {
    if (value.is_string()) result.labels.emplace(key, value.get<std::string>());
  }
  return result;
}

template <>
const KindInfo& kind_info<ServiceAccount>() {
  static const KindInfo info{"", "v1", "ServiceAccount", "serviceaccounts", true};
  return info;
}

template <>
Result<ServiceAccount> from_json<ServiceAccount>(const Json& object) {
  return read_child<ServiceAccount>(object);
}

template <>
const KindInfo& kind_info<NetworkPolicy>() {
  static const KindInfo info{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true};
  return info;
}

template <>
Result<NetworkPolicy> from_json<NetworkPolicy>(const Json& object) {
  return read_child<NetworkPolicy>(object);
}

template <>
const KindInfo& kind_info<PodDisruptionBudget>() {
  static const KindInfo info{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true};
  return info;
}

template <>
Result<PodDisruptionBudget> from_json<PodDisruptionBudget>(const Json& object) {
  return read_child<PodDisruptionBudget>(object);
}

}  // namespace wan::api
