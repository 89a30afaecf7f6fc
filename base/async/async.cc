#include "base/async/async.h"

#include <boost/asio/as_tuple.hpp>

#include "base/async/cancellation.h"

namespace wan {

std::chrono::steady_clock::duration bounded(std::chrono::steady_clock::duration duration) {
  return std::min<std::chrono::steady_clock::duration>(duration, std::chrono::hours(24 * 365 * 10));
}

Task<Status> sleep_for(std::chrono::steady_clock::duration duration) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("wait cancelled"));
  asio::steady_timer timer(co_await asio::this_coro::executor, bounded(duration));
  const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (error) co_return fail(cancelled("wait cancelled"));
  co_return Status{};
}

Task<void> shield_from_cancellation() {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

}  // namespace wan
