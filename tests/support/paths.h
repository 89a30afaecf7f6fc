#pragma once

// Where this checkout and what it built lie. Functions, not macros: a macro would put the path into the
// command line of every test's object, and no two checkouts could share a compiler's result.

#include <filesystem>

namespace wan::testing {

std::filesystem::path source_dir();   ///< the checkout
std::filesystem::path program_dir();  ///< where this build put the programs

}  // namespace wan::testing
