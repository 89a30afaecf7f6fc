#pragma once
// What identifies an object of one kind, and which of two of its versions is newer.

#include <compare>
#include <string>
#include <string_view>

#include "operator/api/meta.h"

namespace wan::cache {

struct Key {
  std::string namespace_;  // "" for cluster-scoped kinds
  std::string name;

  auto operator<=>(const Key&) const = default;
};

[[nodiscard]] inline std::string to_string(const Key& key) {
  return key.namespace_.empty() ? key.name : key.namespace_ + "/" + key.name;
}

[[nodiscard]] inline Key key_of(const api::Meta& meta) { return Key{meta.namespace_, meta.name}; }

// Resource versions are decimal integers of up to 128 bits; those of one API server are comparable.
// True if `a` is older than `b`; "" is older than everything.
[[nodiscard]] bool version_less(std::string_view a, std::string_view b);

}  // namespace wan::cache
