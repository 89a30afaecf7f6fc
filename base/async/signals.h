#pragma once
// Termination as an await.

#include "base/async/async.h"

namespace wan {

// Resumes with the number of the first SIGTERM or SIGINT after the call; kCancelled if the task was
// cancelled. While nobody waits, the signals end the process as usual.
[[nodiscard]] Task<Result<int>> wait_for_termination();

}  // namespace wan
