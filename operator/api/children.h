#pragma once
// What a WanDeployment has besides its workloads, and the namespaces, trimmed to what plans read.

#include <map>
#include <string>

#include "operator/api/kind.h"
#include "operator/api/meta.h"

namespace wan::api {

struct ControllerRevision {
  Meta metadata;
  int64_t revision = 0;
  std::string data;  // JSON text

  bool operator==(const ControllerRevision&) const = default;
};

struct ServiceAccount {
  Meta metadata;
  std::string owned;  // owned_fields()

  bool operator==(const ServiceAccount&) const = default;
};

struct NetworkPolicy {
  Meta metadata;
  std::string owned;

  bool operator==(const NetworkPolicy&) const = default;
};

struct PodDisruptionBudget {
  Meta metadata;
  std::string owned;

  bool operator==(const PodDisruptionBudget&) const = default;
};

// For its labels, all of them: an allowedNamespaces selects by them.
struct Namespace {
  Meta metadata;
  std::map<std::string, std::string> labels;

  bool operator==(const Namespace&) const = default;
};

template <>
const KindInfo& kind_info<ControllerRevision>();
template <>
Result<ControllerRevision> from_json<ControllerRevision>(const Json& object);
template <>
const KindInfo& kind_info<Namespace>();
template <>
Result<Namespace> from_json<Namespace>(const Json& object);
template <>
const KindInfo& kind_info<ServiceAccount>();
template <>
Result<ServiceAccount> from_json<ServiceAccount>(const Json& object);
template <>
const KindInfo& kind_info<NetworkPolicy>();
template <>
Result<NetworkPolicy> from_json<NetworkPolicy>(const Json& object);
template <>
const KindInfo& kind_info<PodDisruptionBudget>();
template <>
Result<PodDisruptionBudget> from_json<PodDisruptionBudget>(const Json& object);

}  // namespace wan::api
