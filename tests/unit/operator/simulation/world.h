#pragma once
// Time and chance of a simulation: everything that happens is an event of one World, in the order of its
// virtual time, and everything random comes from its seed. The same seed gives the same events.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <unordered_map>

#include "base/async/time_source.h"
#include "base/clock.h"

namespace wan::simulation {

using Duration = std::chrono::steady_clock::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

class World final : public Clock {
 public:
  explicit World(uint64_t seed) : engine_(seed) {}
  [[nodiscard]] WallTime wall() const override {
    return kBegin + std::chrono::duration_cast<std::chrono::microseconds>(now_);
  }
  [[nodiscard]] SteadyTime steady() const override { return SteadyTime(std::chrono::hours(1000)) + now_; }
  [[nodiscard]] Duration now() const { return now_; }

  // Returns the number under which the event can be forgotten.
  uint64_t after(Duration delay, std::function<void()> happen);
  void forget(uint64_t event);
  // The next event; false when nothing is left.
  bool step();
  [[nodiscard]] std::optional<Duration> next() const {
    return events_.empty() ? std::nullopt : std::optional(events_.begin()->first.first);
  }
  void clear();
  [[nodiscard]] uint64_t steps() const { return steps_; }

  [[nodiscard]] uint64_t below(uint64_t limit) { return engine_() % limit; }
  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(engine_() >> 11) * 0x1p-53 < probability;
  }
  // Mostly near the lower end, now and then far out.
  [[nodiscard]] Duration between(Duration least, Duration most);

 private:
  static constexpr WallTime kBegin{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31}};

  std::mt19937_64 engine_;
  Duration now_{0};
  uint64_t last_ = 0;
  uint64_t steps_ = 0;
  std::map<std::pair<Duration, uint64_t>, std::function<void()>> events_;
  std::unordered_map<uint64_t, Duration> times_;
};

// One operating-system process: its own event loop, in the World's time. Frozen (SIGSTOP) it does nothing,
// and finds on waking what has arrived meanwhile.
class Process final : public TimeSource {
 public:
  explicit Process(World& world) : world_(world) { use_time_source(context_, *this); }
  [[nodiscard]] asio::io_context& context() { return context_; }
  [[nodiscard]] World& world() { return world_; }
  void poll();

  uint64_t start(Duration duration, std::function<void()> over) override {
    return world_.after(duration, std::move(over));
  }
  void end(uint64_t wait) override { world_.forget(wait); }

  bool frozen = false;
  bool dead = false;  // SIGKILL: it sends nothing more

 private:
  World& world_;
  asio::io_context context_{1};
};

// An answer that is on its way to a process.
template <class T>
struct Reply {
  explicit Reply(Process& process) : arrived(process.context()) {
    arrived.expires_at(asio::steady_timer::time_point::max());
  }
  void answer(T made) {
    if (!value) value.emplace(std::move(made));
    arrived.cancel();
  }
  std::optional<T> value;
  asio::steady_timer arrived;
};

// Until an event is posted to `arrived`; false if the task was cancelled.
[[nodiscard]] Task<bool> wait_for_arrival(asio::steady_timer& arrived);

template <class T>
Task<T> take_reply(std::shared_ptr<Reply<T>> reply) {
  while (!reply->value) {
    if (!co_await wait_for_arrival(reply->arrived)) co_return T(fail(cancelled("the request was cancelled")));
  }
  co_return *std::move(reply->value);
}

}  // namespace wan::simulation
