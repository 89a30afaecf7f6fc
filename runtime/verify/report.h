#pragma once
// What verify shows: a table for people, JSON for programs, the report that goes with a bug report.

#include <string>

#include "base/json/json.h"
#include "runtime/verify/verify.h"

namespace wan::verify {

[[nodiscard]] std::string table_header();
// The rows of one folder, then its count and time.
[[nodiscard]] std::string table_of(const FolderResult& folder);
// What was absent or unknown, what failed, and the verdict.
[[nodiscard]] std::string summary(const Outcome& outcome);

[[nodiscard]] Json to_json(const Outcome& outcome);

// All of it as text, the environment first.
[[nodiscard]] std::string report(const Outcome& outcome);

}  // namespace wan::verify
