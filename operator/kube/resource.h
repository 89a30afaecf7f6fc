#pragma once
// The table of API resources that the operator uses, and the URL paths of their collections and objects.
// A resource that is not in the table cannot be read or written: RBAC and code are kept side by side.

#include <string>
#include <string_view>

namespace wan::kube {

struct Resource {
  std::string_view group;  // "" for the core group
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;

  bool operator==(const Resource&) const = default;
};

inline constexpr Resource kPods{"", "v1", "pods", "Pod"};
inline constexpr Resource kServices{"", "v1", "services", "Service"};
inline constexpr Resource kConfigMaps{"", "v1", "configmaps", "ConfigMap"};
inline constexpr Resource kSecrets{"", "v1", "secrets", "Secret"};
inline constexpr Resource kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
inline constexpr Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr Resource kDeployments{"apps", "v1", "deployments", "Deployment"};
inline constexpr Resource kControllerRevisions{"apps", "v1", "controllerrevisions", "ControllerRevision"};
inline constexpr Resource kNetworkPolicies{"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"};
inline constexpr Resource kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets",
                                                "PodDisruptionBudget"};
inline constexpr Resource kJobs{"batch", "v1", "jobs", "Job"};
inline constexpr Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline constexpr Resource kEvents{"events.k8s.io", "v1", "events", "Event"};
inline constexpr Resource kGalleryModels{"wan.gallery", "v1alpha1", "gallerymodels", "GalleryModel", false};
inline constexpr Resource kWanDeployments{"wan.gallery", "v1alpha1", "wandeployments", "WanDeployment"};
inline constexpr Resource kVideoJobs{"wan.gallery", "v1alpha1", "videojobs", "VideoJob"};

// The entry of the table for an object's apiVersion and kind; nullptr if the operator does not use it.
[[nodiscard]] const Resource* find_resource(std::string_view api_version, std::string_view kind);

[[nodiscard]] std::string api_version(const Resource& resource);  // "v1", "apps/v1"
// "deployments.apps", "pods": how kubectl and RBAC name it.
[[nodiscard]] std::string qualified_name(const Resource& resource);
// `namespace_` empty: all namespaces (or a cluster-scoped resource).
[[nodiscard]] std::string collection_path(const Resource& resource, std::string_view namespace_);
[[nodiscard]] std::string object_path(const Resource& resource, std::string_view namespace_,
                                      std::string_view name, std::string_view subresource = "");

}  // namespace wan::kube
