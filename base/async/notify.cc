#include "base/async/notify.h"

#include "base/async/cancellation.h"
#include "base/async/time_source.h"

namespace wan {

Notify::Notify(asio::any_io_executor executor) : timer_(executor) {}

void Notify::notify() {
  set_ = true;
  timer_.cancel();
}

Task<Result<bool>> Notify::wait(std::chrono::steady_clock::duration timeout) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("wait cancelled"));
  if (!set_) {
    co_await wait_on(timer_, timeout);
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return fail(cancelled("wait cancelled"));
  }
  co_return std::exchange(set_, false);
}

}  // namespace wan
