#include "runtime/cli/videojob_fields.h"

#include <string>

namespace wan::cli {
namespace {

// Reading it takes some milliseconds: once for a program that reads one manifest.
const Json& schema() {
  static const Json read = [] {
    auto definition = parse_yaml(videojob_resource_definition());
    WAN_CHECK(definition.has_value());
    return definition->at("spec").at("versions").at(0).at("schema").at("openAPIV3Schema");
  }();
  return read;
}

std::string names(const Json& object) {
  std::string text;
  for (const auto& [name, value] : object.items()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Status check_fields(const Json& value, const Json& allowed, const std::string& path);

Status check_members(const Json& object, const Json& properties, const std::string& path) {
  if (!object.is_object()) {
    return fail(invalid_argument((path.empty() ? "the manifest" : path) + ": must be an object"));
  }
  for (const auto& [name, member] : object.items()) {
    const std::string inner = path.empty() ? name : path + "." + name;
    const auto known = properties.find(name);
    if (known == properties.end()) {
      return fail(invalid_argument(inner + ": unknown field; allowed" + (path.empty() ? "" : " in " + path) +
                                   ": " + names(properties)));
    }
    WAN_TRY_VOID(check_fields(member, *known, inner));
  }
  return {};
}

// What the schema leaves open (metadata, maps, values) is passed over.
Status check_fields(const Json& value, const Json& allowed, const std::string& path) {
  if (const Json* properties = find(allowed, {"properties"})) return check_members(value, *properties, path);
  const Json* items = find(allowed, {"items"});
  if (!items || !value.is_array()) return {};
  for (size_t i = 0; i < value.size(); ++i) {
    WAN_TRY_VOID(check_fields(value[i], *items, path + "[" + std::to_string(i) + "]"));
  }
  return {};
}

}  // namespace

Status check_videojob_fields(const Json& document) { return check_fields(document, schema(), ""); }

}  // namespace wan::cli
