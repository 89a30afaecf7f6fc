#include "base/async/signals.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/async/cancellation.h"

namespace wan {

Task<Result<int>> wait_for_termination() {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("wait cancelled"));
  asio::signal_set signals(co_await asio::this_coro::executor, SIGTERM, SIGINT);
  const auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
  if (error) co_return fail(cancelled("wait cancelled"));
  co_return number;
}

}  // namespace wan
