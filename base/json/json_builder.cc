#include "base/json/json_builder.h"

namespace wan {

bool JsonBuilder::expects_key() const { return !open_.empty() && open_.back()->is_object() && !key_; }

Json& JsonBuilder::place(Json value) {
  if (open_.empty()) return root_ = std::move(value);
  Json& container = *open_.back();
  if (container.is_array()) return container.emplace_back(std::move(value));
  Json& member = container[*key_];
  key_.reset();
  return member = std::move(value);
}

std::optional<std::string> JsonBuilder::value(Json value) {
  place(std::move(value));
  return std::nullopt;
}

std::optional<std::string> JsonBuilder::begin(Json::value_t container) {
  if (static_cast<int>(open_.size()) >= max_depth_) {
    return "nested deeper than the limit of " + std::to_string(max_depth_) + " levels";
  }
  open_.push_back(&place(Json(container)));
  return std::nullopt;
}

std::optional<std::string> JsonBuilder::key(std::string key) {
  if (open_.back()->contains(key)) return "the key \"" + key + "\" appears twice in one object";
  key_ = std::move(key);
  return std::nullopt;
}

void JsonBuilder::end() { open_.pop_back(); }

}  // namespace wan
