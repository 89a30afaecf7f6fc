#pragma once
// Flags by CLI11, with errors of one line.

#include <CLI/CLI.hpp>
#include <optional>

namespace wan::cli {

// What ended the program when the flags alone did: kExitOk after --help, kExitUsage after one line about a
// wrong flag.
[[nodiscard]] std::optional<int> parse_flags(CLI::App& app, int argc, char** argv);

// For options that are numbers: "--steps: 'many' is not allowed; it must be a whole number".
[[nodiscard]] CLI::Validator whole_number();
[[nodiscard]] CLI::Validator long_whole_number();
[[nodiscard]] CLI::Validator number();

}  // namespace wan::cli
