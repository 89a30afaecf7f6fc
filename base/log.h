#pragma once
// Logging for every program: one line a record on standard error; `text` for people, `json` for collectors.
// Secrets (tokens, keys, signed URLs) are never passed to it.

#include <spdlog/spdlog.h>
#include <string>
#include <string_view>

namespace wan::log {

enum class Format { kText, kJson };

struct Settings {
  std::string program;         // "wan-operator"
  std::string level = "info";  // trace debug info warn error
  Format format = Format::kText;
};

// Call once in main, before any other thread exists.
void configure(const Settings& settings);

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace wan::log
