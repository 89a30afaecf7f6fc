#pragma once
// The bench as a function of its flags. Its program is not more than a command line: what is compiled into a
// program that links tests' doubles is not optimised.

#include <cstdint>
#include <string>

namespace wan::bench {

struct Flags {
  std::string operator_file, twin_file, account, audit, logs;
  uint16_t port = 18080;
  int runs = 1, idle = 60, width = 16;
  size_t jobs = 2'000, resources = 10'000;
  std::string only = "all";
};

// The exit code.
[[nodiscard]] int run(const Flags& flags);

}  // namespace wan::bench
