#pragma once
// Where a model named on the command line or in a manifest is on this machine.

#include <filesystem>
#include <string>

#include "base/result.h"

namespace wan::cli {

inline constexpr const char* kBuiltInModel = "wan-tiny";

// `model` is a directory (it has a slash or is one), or a name: of the store $WAN_STORE (an OCI image layout;
// the model is unpacked into the cache, checked), then of the models that ship with this program.
// kInvalidArgument lists where it looked.
[[nodiscard]] Result<std::filesystem::path> find_model_directory(const std::string& model);

}  // namespace wan::cli
