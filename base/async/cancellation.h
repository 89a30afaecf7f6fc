#pragma once
// What the waits of base/ share: asking whether the current task was cancelled, and time limits that a timer
// can represent.

#include <boost/asio/cancellation_state.hpp>

#include "base/async/async.h"

namespace wan {

// is_cancelled(co_await asio::this_coro::cancellation_state)
[[nodiscard]] inline bool is_cancelled(const asio::cancellation_state& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

// At most ten years: now + duration::max() overflows.
[[nodiscard]] std::chrono::steady_clock::duration bounded(std::chrono::steady_clock::duration duration);

}  // namespace wan
