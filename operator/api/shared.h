#pragma once
// Structs that more than one kind uses.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/affinity.h"
#include "operator/api/boxed.h"
#include "operator/api/field_table.h"
#include "operator/api/quantity.h"

namespace wan::api {

struct NameRef {
  std::string name;

  bool operator==(const NameRef&) const = default;
  static const Table<NameRef>& table();
};

struct ClaimRef {
  std::string claim_name;

  bool operator==(const ClaimRef&) const = default;
  static const Table<ClaimRef>& table();
};

struct ModelRef {
  std::string name;
  std::string digest;

  bool operator==(const ModelRef&) const = default;
  static const Table<ModelRef>& table();
};

struct Gpu {
  std::string resource_name;  // "" means the profile's
  std::optional<int> count;   // unset means the profile's

  bool operator==(const Gpu&) const = default;
  static const Table<Gpu>& table();
};

struct Toleration {
  std::string key;
  std::string operator_;
  std::string value;
  std::string effect;
  std::optional<int64_t> toleration_seconds;

  bool operator==(const Toleration&) const = default;
  static const Table<Toleration>& table();
};

struct Placement {
  std::map<std::string, std::string> node_selector;
  std::vector<Toleration> tolerations;
  Boxed<Affinity> affinity;
  std::string runtime_class_name;
  std::string priority_class_name;
  std::vector<NameRef> image_pull_secrets;

  bool operator==(const Placement&) const = default;
  static const Table<Placement>& table();
};

struct EmptyDir {
  Quantity size_limit;

  bool operator==(const EmptyDir&) const = default;
  static const Table<EmptyDir>& table();
};

// Where weights are kept: exactly one of the two.
struct Cache {
  std::optional<EmptyDir> empty_dir;
  std::optional<ClaimRef> pvc;

  bool operator==(const Cache&) const = default;
  static const Table<Cache>& table();
};

}  // namespace wan::api
