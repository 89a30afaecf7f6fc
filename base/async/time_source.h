#pragma once
// Another time for the waits of base/async (sleep_for, Notify) on one execution context: a simulation says
// with use_time_source when a wait is over. Without one, time is real.

#include <boost/asio/execution_context.hpp>
#include <chrono>
#include <functional>

#include "base/async/async.h"

namespace wan {

class TimeSource {
 public:
  virtual ~TimeSource() = default;
  // Calls `over` once when the duration has passed in this time, unless end() was called with the number
  // that was returned. On the context's thread, never within start().
  [[nodiscard]] virtual uint64_t start(std::chrono::steady_clock::duration duration,
                                       std::function<void()> over) = 0;
  virtual void end(uint64_t wait) = 0;
};

// For every wait that begins on the context from now on; `source` outlives the context.
void use_time_source(asio::execution_context& context, TimeSource& source);

// Waits on `timer` for the duration, in its context's time; until timer.cancel() at most.
[[nodiscard]] Task<void> wait_on(asio::steady_timer& timer, std::chrono::steady_clock::duration duration);

}  // namespace wan
