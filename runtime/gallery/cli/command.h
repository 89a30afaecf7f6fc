#pragma once
// The subcommands of wan-gallery. Each adds its flags to an app and sets `run`, which main calls.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/gallery/import.h"
#include "runtime/gallery/layout.h"

namespace wan::gallery {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;   // could not be done: missing files, no space, no permission
inline constexpr int kExitUsage = 2;    // bad flags or names
inline constexpr int kExitCorrupt = 3;  // bytes that are not what their digest says

using Run = std::function<int()>;

void add_import(CLI::App& app, Run& run);
void add_pull(CLI::App& app, Run& run);
void add_inspect(CLI::App& app, Run& run);
void add_list(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_artifacts(CLI::App& app, Run& run);

// {name, digest, bytes, files, generation} of one model, from its manifest and config.
[[nodiscard]] Result<Json> describe_model(const Layout& layout, const OciDescriptor& entry);

// Kubernetes keeps 4096 bytes of what a container leaves in `file`, a mount of its own; "" writes nothing.
void write_termination_log(const std::string& file, const Json& message);
void write_termination_log(const std::string& file, const Error& error);

// Prints "wan-gallery: MESSAGE" (or the JSON form) and returns the exit code that fits.
[[nodiscard]] int report(const Error& error, bool json = false);
[[nodiscard]] int exit_code(const Error& error);

// A meter on standard error, of the style that fits it.
[[nodiscard]] MakeMeter standard_meter(std::string phase, bool json,
                                       std::function<void(const TransferProgress&)> told = {});

}  // namespace wan::gallery
