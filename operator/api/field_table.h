#pragma once
// A field table says everything about one struct of a custom resource once: names, members, defaults, limits,
// descriptions, rules. JSON codec and OpenAPI schema both come from it.
//
//   const Table<Pvc>& Pvc::table() {
//     static const Table<Pvc> table = Table<Pvc>().add("claimName", &Pvc::claim_name, {.text = "...",
//     .required = true}); return table;
//   }
//
// A member's initial value is its default: what reading leaves where the JSON is silent, and with `defaulted`
// also the schema's default.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"

namespace wan::api {

// A CEL validation. `message` names what is allowed.
struct Rule {
  std::string expression;
  std::string message;
};

struct Facts {
  std::string text;  // what `kubectl explain` prints
  bool required = false;
  bool defaulted = false;
  bool immutable = false;  // becomes a transition rule of the enclosing object
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  std::optional<int> min_length = {};  // strings; of lists and maps: of each element
  std::optional<int> max_length = {};
  std::optional<int> min_items = {};
  std::optional<int> max_items = {};     // lists and maps
  std::vector<std::string> values = {};  // enum; of lists: of each element
  std::string list_type = {};            // "atomic" unless said: "set", "map"
  std::vector<std::string> list_keys = {};
  std::vector<Rule> rules = {};       // about this value
  std::vector<Rule> item_rules = {};  // lists: about each element
};

namespace schema {
// OpenAPI v3 fragments, facts applied. `type` is "string", "integer", ...
[[nodiscard]] Json scalar(std::string_view type, std::string_view format, const Facts& facts);
[[nodiscard]] Json quantity(const Facts& facts);
[[nodiscard]] Json list(Json items, const Facts& facts);
[[nodiscard]] Json map(const Facts& facts);
// Facts of a list as they apply to one element.
[[nodiscard]] Facts element(const Facts& facts);
[[nodiscard]] Json rules(const std::vector<Rule>& rules);
// "has(self.x) == has(oldSelf.x) && ..." for one field.
[[nodiscard]] Rule immutable(const std::string& name, bool always_there);
}  // namespace schema

// How a member type is read, written and described; specialised in codec.h.
//   static Status read(const Json&, M&, const std::string& path);
//   static std::optional<Json> write(const M&);   // nothing: leave the field out
//   static Json schema(const Facts&);
template <typename M>
struct Codec;

template <typename T>
class Table {
 public:
  template <typename M>
  Table&& add(std::string name, M T::* member, Facts facts) && {
    Field field;
    field.name = name;
    field.read = [member](const Json& value, T& object, const std::string& path) {
      return Codec<M>::read(value, object.*member, path);
    };
    field.write = [member](const T& object) { return Codec<M>::write(object.*member); };
    field.schema = [member, facts] {
      Json result = Codec<M>::schema(facts);
      if (!facts.defaulted) return result;
      const T initial{};
      const auto value = Codec<M>::write(initial.*member);
      result["default"] = value ? *value : Json("");
      return result;
    };
    if (facts.immutable) {
      rules_.push_back(schema::immutable(name, facts.required || facts.defaulted));
    }
    field.required = facts.required;
    fields_.push_back(std::move(field));
    return std::move(*this);
  }

  Table&& rule(std::string expression, std::string message) && {
    rules_.push_back({std::move(expression), std::move(message)});
    return std::move(*this);
  }

  [[nodiscard]] Status read(const Json& value, T& object, const std::string& path) const {
    if (!value.is_object()) return fail(invalid_argument(path + " must be an object"));
    for (const Field& field : fields_) {
      const auto found = value.find(field.name);
      if (found == value.end() || found->is_null()) continue;
      WAN_TRY_VOID(field.read(*found, object, path + "." + field.name));
    }
    return {};
  }

  [[nodiscard]] Json write(const T& object) const {
    Json result = Json::object();
    for (const Field& field : fields_) {
      if (auto value = field.write(object)) result[field.name] = std::move(*value);
    }
    return result;
  }

  [[nodiscard]] Json schema(const Facts& facts) const {
    Json result = {{"type", "object"}, {"properties", Json::object()}};
    if (!facts.text.empty()) result["description"] = facts.text;
    Json required = Json::array();
    for (const Field& field : fields_) {
      result["properties"][field.name] = field.schema();
      if (field.required) required.push_back(field.name);
    }
    if (!required.empty()) result["required"] = std::move(required);
    std::vector<Rule> all = rules_;
    all.insert(all.end(), facts.rules.begin(), facts.rules.end());
    if (!all.empty()) result["x-kubernetes-validations"] = schema::rules(all);
    return result;
  }

 private:
  struct Field {
    std::string name;
    bool required = false;
    std::function<Status(const Json&, T&, const std::string&)> read;
    std::function<std::optional<Json>(const T&)> write;
    std::function<Json()> schema;
  };
  std::vector<Field> fields_;
  std::vector<Rule> rules_;
};

}  // namespace wan::api
