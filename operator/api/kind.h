#pragma once
// What the API server calls a type, and the one way to read it: kind_info<Pod>(), from_json<Pod>(object).
// Every type of operator/api that stands for an API object specialises both.

#include <string>

#include "base/json/json.h"
#include "base/result.h"

namespace wan::api {

struct KindInfo {
  std::string group;  // "" for core/v1
  std::string version;
  std::string kind;
  std::string plural;
  bool namespaced = true;

  // "apps/v1", "v1"
  [[nodiscard]] std::string api_version() const { return group.empty() ? version : group + "/" + version; }
};

template <typename T>
[[nodiscard]] const KindInfo& kind_info();

// Reads an object as the API server sends it. Unknown fields are ignored; a known field of the wrong type is
// kInvalidArgument and names its path.
template <typename T>
[[nodiscard]] Result<T> from_json(const Json& object);

}  // namespace wan::api
