#include "tests/unit/operator/simulation/world.h"

#include <boost/asio/as_tuple.hpp>

#include "base/async/cancellation.h"

namespace wan::simulation {

uint64_t World::after(Duration delay, std::function<void()> happen) {
  const uint64_t number = ++last_;
  const Duration time = now_ + std::max(delay, Duration(0));
  events_.emplace(std::pair(time, number), std::move(happen));
  times_.emplace(number, time);
  return number;
}

void World::forget(uint64_t event) {
  const auto it = times_.find(event);
  if (it == times_.end()) return;
  events_.erase({it->second, event});
  times_.erase(it);
}

bool World::step() {
  if (events_.empty()) return false;
  auto next = events_.extract(events_.begin());
  now_ = next.key().first;
  times_.erase(next.key().second);
  ++steps_;
  next.mapped()();
  return true;
}

void World::clear() {
  events_.clear();
  times_.clear();
}

Duration World::between(Duration least, Duration most) {
  const double place = static_cast<double>(below(1000)) / 1000;
  return least +
         Duration(static_cast<Duration::rep>(place * place * static_cast<double>((most - least).count())));
}

void Process::poll() {
  context_.restart();
  // It may be frozen or end by what it does here.
  while (!frozen && !dead && context_.poll_one() > 0) continue;
}

Task<bool> wait_for_arrival(asio::steady_timer& arrived) {
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return false;
  co_await arrived.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
}

}  // namespace wan::simulation
