#pragma once
// The body of a server-side apply: JSON that the server reads with its YAML reader.

#include <string>

#include "base/json/json.h"

namespace wan::kube {

// JSON text in which everything that a YAML 1.1 reader refuses in plain form (control characters, DEL, NEL,
// line separators, byte order marks, non-characters) is escaped, and nothing else is: YAML does not know the
// surrogate pairs of JSON escapes. kInvalidArgument if a string is not UTF-8.
[[nodiscard]] Result<std::string> apply_body(const Json& object);

}  // namespace wan::kube
