#include "operator/api/meta.h"

#include <algorithm>

#include "operator/api/identifiers.h"

namespace wan::api {
namespace {

// Only our own keys are kept: other people's labels and annotations can be large, and nothing reads them.
std::map<std::string, std::string> own_keys(const Json& metadata, std::string_view field) {
  std::map<std::string, std::string> result;
  const Json* map = find(metadata, {field});
  if (!map || !map->is_object()) return result;
  const std::string prefix = std::string(kGroup) + "/";
  for (const auto& [key, value] : map->items()) {
    if (key.starts_with(prefix) && value.is_string()) result[key] = value.get_ref<const std::string&>();
  }
  return result;
}

std::vector<std::string> own_finalizers(const Json& metadata) {
  std::vector<std::string> result;
  const Json* list = find(metadata, {"finalizers"});
  if (!list || !list->is_array()) return result;
  const std::string prefix = std::string(kGroup) + "/";
  for (const Json& one : *list) {
    if (one.is_string() && one.get_ref<const std::string&>().starts_with(prefix)) result.push_back(one);
  }
  return result;
}

Boxed<OwnerRef> controller_of(const Json& metadata) {
  const Json* owners = find(metadata, {"ownerReferences"});
  if (!owners || !owners->is_array()) return std::nullopt;
  for (const Json& owner : *owners) {
    if (!bool_or(owner, {"controller"}, false)) continue;
    return OwnerRef{string_or(owner, {"apiVersion"}, ""), string_or(owner, {"kind"}, ""),
                    string_or(owner, {"name"}, ""), string_or(owner, {"uid"}, "")};
  }
  return std::nullopt;
}

Result<std::optional<WallTime>> time_of(const Json& metadata, std::string_view field) {
  const Json* value = find(metadata, {field});
  if (!value || value->is_null()) return std::optional<WallTime>();
  if (!value->is_string()) {
    return fail(invalid_argument("metadata." + std::string(field) + " must be a string"));
  }
  WAN_TRY(const WallTime time, parse_time(value->get_ref<const std::string&>()));
  return time;
}

// Marks that these tools put on what they apply. app.kubernetes.io/instance is none: everybody uses it.
std::string gitops_of(const Json& metadata) {
  const auto marked = [&](std::string_view field, std::string_view prefix) {
    const Json* map = find(metadata, {field});
    if (!map || !map->is_object()) return false;
    return std::ranges::any_of(map->items(),
                               [&](const auto& item) { return item.key().starts_with(prefix); });
  };
  if (marked("annotations", "argocd.argoproj.io/tracking-id")) return "Argo CD";
  if (marked("labels", "argocd.argoproj.io/instance")) return "Argo CD";
  if (marked("labels", "kustomize.toolkit.fluxcd.io/")) return "Flux";
  if (marked("labels", "helm.toolkit.fluxcd.io/")) return "Flux";
  return "";
}

std::string value_or_empty(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

}  // namespace

bool Meta::has_finalizer(const std::string& finalizer) const {
  return std::ranges::find(finalizers, finalizer) != finalizers.end();
}
std::string Meta::label(const std::string& key) const { return value_or_empty(labels, key); }
std::string Meta::annotation(const std::string& key) const { return value_or_empty(annotations, key); }

Result<Meta> meta_from_json(const Json& object) {
  const Json* metadata = find(object, {"metadata"});
  if (!metadata || !metadata->is_object()) return fail(invalid_argument("metadata must be an object"));
  Meta meta;
  meta.name = string_or(*metadata, {"name"}, "");
  if (meta.name.empty()) return fail(invalid_argument("metadata.name is missing"));
  meta.namespace_ = string_or(*metadata, {"namespace"}, "");
  meta.uid = string_or(*metadata, {"uid"}, "");
  meta.resource_version = string_or(*metadata, {"resourceVersion"}, "");
  meta.generation = int_or(*metadata, {"generation"}, 0);
  WAN_TRY(meta.created, time_of(*metadata, "creationTimestamp"));
  WAN_TRY(meta.deleted, time_of(*metadata, "deletionTimestamp"));
  meta.labels = own_keys(*metadata, "labels");
  meta.annotations = own_keys(*metadata, "annotations");
  meta.finalizers = own_finalizers(*metadata);
  meta.controller = controller_of(*metadata);
  meta.gitops = gitops_of(*metadata);
  return meta;
}

}  // namespace wan::api
