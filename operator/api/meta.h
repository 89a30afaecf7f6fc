#pragma once
// ObjectMeta, trimmed to what plans and caches use.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/result.h"
#include "operator/api/boxed.h"

namespace wan::api {

struct OwnerRef {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;

  bool operator==(const OwnerRef&) const = default;
};

struct Meta {
  std::string name;
  std::string namespace_;  // "" for cluster-scoped kinds
  std::string uid;
  std::string resource_version;
  int64_t generation = 0;
  std::optional<WallTime> created;
  std::optional<WallTime> deleted;                 // deletionTimestamp
  std::map<std::string, std::string> labels;       // only keys of wan.gallery/
  std::map<std::string, std::string> annotations;  // only keys of wan.gallery/
  std::vector<std::string> finalizers;             // only ours
  Boxed<OwnerRef> controller;                      // the owner reference with controller: true
  // Who makes the object again when it is deleted, by its marks: "Argo CD", "Flux"; "" if none is there.
  std::string gitops;

  bool operator==(const Meta&) const = default;
  [[nodiscard]] bool controlled_by(const std::string& owner_uid) const {
    return controller && controller->uid == owner_uid;
  }
  [[nodiscard]] bool has_finalizer(const std::string& finalizer) const;
  [[nodiscard]] std::string label(const std::string& key) const;
  [[nodiscard]] std::string annotation(const std::string& key) const;
};

// Reads `object`.metadata; name is required.
[[nodiscard]] Result<Meta> meta_from_json(const Json& object);

}  // namespace wan::api
