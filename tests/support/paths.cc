#include "tests/support/paths.h"

namespace wan::testing {

std::filesystem::path source_dir() { return WAN_SOURCE_DIR; }

std::filesystem::path program_dir() { return WAN_BINARY_DIR; }

}  // namespace wan::testing
