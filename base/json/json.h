#pragma once
// nlohmann/json behind Results: parsing with limits, canonical output, YAML in and out. nlohmann's exceptions
// stop here.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan {

using Json = nlohmann::json;

struct JsonLimits {
  size_t max_bytes = 16u << 20;
  int max_depth = 64;
  // Members of that name are left out, wherever they are: checked as text, never built.
  std::string_view without = {};
};

// One JSON value and nothing after it. Duplicate keys, depth and size beyond the limits are errors.
[[nodiscard]] Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

// One line. Bytes that are not UTF-8 become U+FFFD: what is printed or logged never throws.
[[nodiscard]] std::string to_text(const Json& value);

// RFC 8785 (JCS): keys sorted by UTF-16 code units, ECMAScript numbers, no white space. kInvalidArgument for
// values JCS cannot express (NaN, infinities, integers beyond 2^53, strings that are not UTF-8).
[[nodiscard]] Result<std::string> canonical_json(const Json& value);

// One YAML document to JSON with the YAML 1.2 core schema (yes/no/on/off stay strings); aliases are refused.
[[nodiscard]] Result<Json> parse_yaml(std::string_view text, JsonLimits limits = {});
// All documents of a stream, empty ones dropped.
[[nodiscard]] Result<std::vector<Json>> parse_yaml_documents(std::string_view text, JsonLimits limits = {});
// Block style, keys sorted, strings quoted where a YAML 1.1 reader would read something else.
[[nodiscard]] std::string to_yaml(const Json& value);

// Typed look-ups that never throw: the member at a path of keys ("status", "phase"), or nullptr.
[[nodiscard]] const Json* find(const Json& object, std::initializer_list<std::string_view> path);
[[nodiscard]] std::string string_or(const Json& object, std::initializer_list<std::string_view> path,
                                    std::string_view otherwise);
[[nodiscard]] int64_t int_or(const Json& object, std::initializer_list<std::string_view> path,
                             int64_t otherwise);
[[nodiscard]] bool bool_or(const Json& object, std::initializer_list<std::string_view> path, bool otherwise);

}  // namespace wan
