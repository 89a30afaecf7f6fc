#include "operator/api/ownership.h"

#include <algorithm>

#include "operator/api/identifiers.h"

namespace wan::api {
namespace {

bool covers(const Json& fields, const Json& intent);
bool covers_all_but(std::initializer_list<std::string_view> left_out, const Json& fields, const Json& intent);

// The key of an element of a list, {"name":"runtime"}; keys that the element leaves to their defaults agree.
bool is_key_of(const std::string& name, const Json& element) {
  const auto key = name.starts_with("k:") ? parse_json(name.substr(2)) : Result<Json>(Json());
  if (!key || !key->is_object() || !element.is_object()) return false;
  return std::ranges::all_of(key->items(), [&](const auto& part) {
    const auto found = element.find(part.key());
    return found == element.end() || *found == part.value();
  });
}

bool covers_element(const Json& fields, const Json& element) {
  return std::ranges::any_of(fields.items(), [&](const auto& field) {
    if (field.key().starts_with("v:")) {
      const auto value = parse_json(field.key().substr(2));
      return value && *value == element;
    }
    return is_key_of(field.key(), element) && covers(field.value(), element);
  });
}

// A leaf: a scalar, or a map or list that is owned as a whole.
bool is_leaf(const Json& fields) { return !fields.is_object() || fields.empty(); }

bool covers(const Json& fields, const Json& intent) {
  if (is_leaf(fields) || intent.is_primitive()) return true;
  if (intent.is_array()) {
    return std::ranges::all_of(intent, [&](const Json& element) { return covers_element(fields, element); });
  }
  return covers_all_but({}, fields, intent);
}

bool covers_all_but(std::initializer_list<std::string_view> left_out, const Json& fields,
                    const Json& intent) {
  if (is_leaf(fields)) return true;
  return std::ranges::all_of(intent.items(), [&](const auto& part) {
    if (std::ranges::find(left_out, part.key()) != left_out.end()) return true;
    const auto found = fields.find("f:" + part.key());
    return found != fields.end() && covers(*found, part.value());
  });
}

}  // namespace

std::string owned_fields(const Json& object) {
  const Json* entries = find(object, {"metadata", "managedFields"});
  if (!entries || !entries->is_array()) return "";
  for (const Json& entry : *entries) {
    if (string_or(entry, {"manager"}, "") != kFieldManager ||
        string_or(entry, {"operation"}, "") != "Apply" || !string_or(entry, {"subresource"}, "").empty()) {
      continue;
    }
    const Json* fields = find(entry, {"fieldsV1"});
    return fields ? fields->dump() : "";
  }
  return "";
}

bool owns(const std::string& fields, const Json& intent) {
  const auto owned = parse_json(fields);
  if (!owned || !owned->is_object()) return false;
  if (is_leaf(*owned)) return true;
  const auto metadata = owned->find("f:metadata");
  return metadata != owned->end() && covers_all_but({"apiVersion", "kind", "metadata"}, *owned, intent) &&
         covers_all_but({"name", "namespace", "uid", "resourceVersion"}, *metadata, intent.at("metadata"));
}

}  // namespace wan::api
