#include "operator/kube/resource.h"

#include <array>

#include "base/net/http.h"

namespace wan::kube {
namespace {

constexpr std::array kTable{kPods,
                            kServices,
                            kSecrets,
                            kServiceAccounts,
                            kNamespaces,
                            kDeployments,
                            kControllerRevisions,
                            kNetworkPolicies,
                            kPodDisruptionBudgets,
                            kJobs,
                            kLeases,
                            kEvents,
                            kGalleryModels,
                            kWanDeployments,
                            kVideoJobs};

}  // namespace

const Resource* find_resource(std::string_view wanted_version, std::string_view kind) {
  for (const Resource& resource : kTable) {
    if (resource.kind == kind && api_version(resource) == wanted_version) return &resource;
  }
  return nullptr;
}

std::string api_version(const Resource& resource) {
  if (resource.group.empty()) return std::string(resource.version);
  return std::string(resource.group) + "/" + std::string(resource.version);
}

std::string qualified_name(const Resource& resource) {
  if (resource.group.empty()) return std::string(resource.plural);
  return std::string(resource.plural) + "." + std::string(resource.group);
}

std::string collection_path(const Resource& resource, std::string_view namespace_) {
  std::string path = resource.group.empty() ? "/api/" : "/apis/";
  path += api_version(resource) + "/";
  if (resource.namespaced && !namespace_.empty()) {
    path += "namespaces/" + net::percent_encode(namespace_) + "/";
  }
  return path + std::string(resource.plural);
}

std::string object_path(const Resource& resource, std::string_view namespace_, std::string_view name,
                        std::string_view subresource) {
  std::string path = collection_path(resource, namespace_) + "/" + net::percent_encode(name);
  if (!subresource.empty()) path += "/" + std::string(subresource);
  return path;
}

}  // namespace wan::kube
