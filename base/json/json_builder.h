#pragma once
// Builds a Json from parse events, refusing what both our JSON and our YAML refuse: duplicate keys and depth.

#include <optional>
#include <string>
#include <vector>

#include "base/json/json.h"

namespace wan {

class JsonBuilder {
 public:
  explicit JsonBuilder(int max_depth) : max_depth_(max_depth) {}

  // Each returns the complaint, or nullopt if all is well.
  [[nodiscard]] std::optional<std::string> value(Json value);
  [[nodiscard]] std::optional<std::string> begin(Json::value_t container);
  [[nodiscard]] std::optional<std::string> key(std::string key);
  void end();

  // True where the next scalar is the key of an object.
  [[nodiscard]] bool expects_key() const;
  [[nodiscard]] Json take() { return std::move(root_); }

 private:
  Json& place(Json value);

  int max_depth_;
  Json root_;
  std::vector<Json*> open_;  // containers from the root inwards; an array's last element does not move
  std::optional<std::string> key_;
};

}  // namespace wan
