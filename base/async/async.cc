#include "base/async/async.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/query.hpp>

#include "base/async/cancellation.h"
#include "base/async/time_source.h"

namespace wan {
namespace {

struct TimeService final : asio::execution_context::service {
  using key_type = TimeService;
  static inline asio::execution_context::id id;
  using asio::execution_context::service::service;
  void shutdown() override {}
  TimeSource* source = nullptr;
};

TimeSource* time_source(const asio::any_io_executor& executor) {
  auto& context = asio::query(executor, asio::execution::context);
  return asio::has_service<TimeService>(context) ? asio::use_service<TimeService>(context).source : nullptr;
}

// The timer may go away with the coroutine that waits on it, even when its loop never runs again.
class Wait {
 public:
  Wait(TimeSource& source, std::chrono::steady_clock::duration duration, asio::steady_timer& timer)
      : source_(source), number_(source.start(bounded(duration), [&timer] { timer.cancel(); })) {}
  ~Wait() { source_.end(number_); }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  TimeSource& source_;
  uint64_t number_;
};

}  // namespace

std::chrono::steady_clock::duration bounded(std::chrono::steady_clock::duration duration) {
  return std::min<std::chrono::steady_clock::duration>(duration, std::chrono::hours(24 * 365 * 10));
}

Task<Status> sleep_for(std::chrono::steady_clock::duration duration) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("wait cancelled"));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  co_await wait_on(timer, duration);
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("wait cancelled"));
  co_return Status{};
}

void use_time_source(asio::execution_context& context, TimeSource& source) {
  asio::use_service<TimeService>(context).source = &source;
}

Task<void> wait_on(asio::steady_timer& timer, std::chrono::steady_clock::duration duration) {
  TimeSource* source = time_source(timer.get_executor());
  if (source == nullptr) {
    timer.expires_after(bounded(duration));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return;
  }
  timer.expires_at(asio::steady_timer::time_point::max());
  const Wait wait(*source, duration, timer);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

Task<void> shield_from_cancellation() {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

}  // namespace wan
