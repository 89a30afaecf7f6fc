#pragma once
// The serving pod as a whole: HTTP, jobs, inference thread, termination.

#include <functional>

#include "base/async/async.h"
#include "runtime/service/settings.h"

namespace wan::service {

enum class Outcome { kTerminated, kSucceeded, kFailed, kCancelled, kNeverAssigned };

// Serves until SIGTERM or SIGINT; a one-shot pod until its job has ended and its end was told, or nobody
// assigned it in time. `listening` is called with the port once connections are accepted.
[[nodiscard]] Task<Result<Outcome>> serve(Settings settings, std::function<void(uint16_t)> listening);

}  // namespace wan::service
