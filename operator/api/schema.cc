#include <cmath>

#include "operator/api/field_table.h"

namespace wan::api::schema {
namespace {

Json described(const Facts& facts) {
  Json result = Json::object();
  if (!facts.text.empty()) result["description"] = facts.text;
  if (!facts.rules.empty()) result["x-kubernetes-validations"] = rules(facts.rules);
  return result;
}

Json number(double value, bool integral) {
  return integral ? Json(static_cast<int64_t>(std::llround(value))) : Json(value);
}

}  // namespace

Json rules(const std::vector<Rule>& rules) {
  Json result = Json::array();
  for (const Rule& rule : rules) result.push_back({{"rule", rule.expression}, {"message", rule.message}});
  return result;
}

Rule immutable(const std::string& name, bool always_there) {
  const std::string self = "self." + name, old = "oldSelf." + name;
  const std::string message = name + " cannot change once the object exists: make a new one";
  if (always_there) return {self + " == " + old, message};
  return {"has(" + self + ") == has(" + old + ") && (!has(" + self + ") || " + self + " == " + old + ")",
          message};
}

Json scalar(std::string_view type, std::string_view format, const Facts& facts) {
  Json result = described(facts);
  result["type"] = type;
  if (!format.empty()) result["format"] = format;
  const bool integral = type == "integer";
  if (facts.minimum) result["minimum"] = number(*facts.minimum, integral);
  if (facts.maximum) result["maximum"] = number(*facts.maximum, integral);
  if (facts.min_length) result["minLength"] = *facts.min_length;
  if (facts.max_length) result["maxLength"] = *facts.max_length;
  if (!facts.values.empty()) result["enum"] = facts.values;
  return result;
}

Json quantity(const Facts& facts) {
  Facts with_rule = facts;
  with_rule.rules.push_back(
      {"type(self) == int ? self >= 0 : (isQuantity(self) && sign(quantity(self)) >= 0)",
       "must be a quantity of zero or more, such as 500m, 2 or 16Gi"});
  Json result = described(with_rule);
  result["x-kubernetes-int-or-string"] = true;
  result["anyOf"] = Json::array({{{"type", "integer"}}, {{"type", "string"}}});
  result["maxLength"] = 32;
  return result;
}

Json list(Json items, const Facts& facts) {
  Json result = described(facts);
  result["type"] = "array";
  result["items"] = std::move(items);
  result["x-kubernetes-list-type"] = facts.list_type.empty() ? "atomic" : facts.list_type;
  if (!facts.list_keys.empty()) result["x-kubernetes-list-map-keys"] = facts.list_keys;
  if (facts.min_items) result["minItems"] = *facts.min_items;
  if (facts.max_items) result["maxItems"] = *facts.max_items;
  return result;
}

Json map(const Facts& facts) {
  Json result = described(facts);
  result["type"] = "object";
  result["additionalProperties"] = {{"type", "string"}};
  if (facts.max_length) result["additionalProperties"]["maxLength"] = *facts.max_length;
  if (facts.max_items) result["maxProperties"] = *facts.max_items;
  return result;
}

Facts element(const Facts& facts) {
  return {.min_length = facts.min_length,
          .max_length = facts.max_length,
          .values = facts.values,
          .rules = facts.item_rules};
}

}  // namespace wan::api::schema
