#pragma once
// A running wan-media and the ends of its channels.

#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/io/descriptor.h"
#include "base/result.h"

namespace wan::media {

struct Child {
  pid_t process = -1;
  Descriptor input;   // a socket rather than a pipe: a dead reader is an error, not a signal
  Descriptor output;  // open only if asked for
  Descriptor errors;  // what it says on standard error
};

// `words`: the program and its arguments. It runs in a process group of its own: a Ctrl-C at the terminal
// reaches this program alone, which then decides.
[[nodiscard]] Result<Child> start_child(const std::vector<std::string>& words, bool with_output);

// Its status, as waitpid gives it. REQUIRES a started child that was not waited for.
int wait_for_child(Child& child);

// What to say of a child that did not exit with 0: its own words, or the signal.
[[nodiscard]] std::string describe_failure(int status, std::string errors);

}  // namespace wan::media
