#include "base/async/notify.h"

#include <boost/asio/as_tuple.hpp>

#include "base/async/cancellation.h"

namespace wan {

Notify::Notify(asio::any_io_executor executor) : timer_(executor) {}

void Notify::notify() {
  set_ = true;
  timer_.cancel();
}

Task<Result<bool>> Notify::wait(std::chrono::steady_clock::duration timeout) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("wait cancelled"));
  if (!set_) {
    timer_.expires_after(bounded(timeout));
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return fail(cancelled("wait cancelled"));
  }
  co_return std::exchange(set_, false);
}

}  // namespace wan
