#pragma once
// Other programs as an await: started directly (no shell), with nothing to read and our standard error.

#include <string>
#include <utility>
#include <vector>

#include "base/async/async.h"

namespace wan {

struct Program {
  std::vector<std::string> argv;  // the first is a path, or a name that $PATH finds
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours, or in place of it
  std::chrono::milliseconds timeout{60'000};
  size_t max_output_bytes = 1u << 20;
};

// What it has written to its standard output. kNotFound if there is no such program, kFailedPrecondition if
// it ends with another status than 0 or by a signal, kDeadlineExceeded, kResourceExhausted, kCancelled: it
// and its children (its process group) are killed then. No error repeats what it wrote.
[[nodiscard]] Task<Result<std::string>> run_program(Program program);

}  // namespace wan
