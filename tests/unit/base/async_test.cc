#include "base/async/async.h"

#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <utility>

#include "base/async/notify.h"
#include "base/async/signals.h"
#include "base/async/task_group.h"
#include "base/async/time_source.h"
#include "run_task.h"

namespace wan {
namespace {

using namespace std::chrono_literals;
using testing::run;

constexpr auto kForever = std::chrono::steady_clock::duration::max();

class Async : public ::testing::Test {
 protected:
  void join() { run(io, group.join()); }

  asio::io_context io{1};
  std::vector<std::string> log;
  Notify notify{io.get_executor()};
  TaskGroup group{io.get_executor()};
};

Task<void> sleep_and_log(std::vector<std::string>& log, std::chrono::steady_clock::duration duration) {
  const Status slept = co_await sleep_for(duration);
  log.emplace_back(slept ? "slept" : to_string(slept.error().code));
}

Task<void> wait_and_log(std::vector<std::string>& log, Notify& notify,
                        std::chrono::steady_clock::duration timeout) {
  const Result<bool> woken = co_await notify.wait(timeout);
  log.emplace_back(!woken ? to_string(woken.error().code) : *woken ? "notified" : "timeout");
}

Task<void> cancel_group(TaskGroup& group) {
  group.cancel();
  co_return;
}

TEST_F(Async, ATaskBeginsFromTheLoopAndNotInsideSpawn) {
  group.spawn("sleeper", sleep_and_log(log, 0ms));
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(group.size(), 1u);
  join();
  EXPECT_EQ(log, std::vector<std::string>{"slept"});
  EXPECT_EQ(group.size(), 0u);
}

Task<void> cancel_once_waiting(TaskGroup& group, std::vector<std::string>& log) {
  // The other tasks were spawned first, so they wait by now.
  log.emplace_back("cancelling");
  group.cancel();
  co_return;
}

TEST_F(Async, CancelEndsEveryWaitWithoutAnException) {
  TaskGroup other(io.get_executor());
  group.spawn("sleeper", sleep_and_log(log, kForever));
  group.spawn("waiter", wait_and_log(log, notify, kForever));
  other.spawn("canceller", cancel_once_waiting(group, log));
  join();
  run(io, other.join());
  EXPECT_EQ(log, (std::vector<std::string>{"cancelling", "Cancelled", "Cancelled"}));
}

Task<void> wait_twice(std::vector<std::string>& log, Notify& notify) {
  co_await wait_and_log(log, notify, kForever);
  co_await wait_and_log(log, notify, kForever);
  co_await sleep_and_log(log, kForever);
}

TEST_F(Async, WaitsAfterACancellationReturnAtOnce) {
  TaskGroup other(io.get_executor());
  group.spawn("waiter", wait_twice(log, notify));
  other.spawn("canceller", cancel_group(group));
  join();
  run(io, other.join());
  EXPECT_EQ(log, (std::vector<std::string>{"Cancelled", "Cancelled", "Cancelled"}));
}

TEST_F(Async, ATaskSpawnedAfterCancelNeverRuns) {
  group.cancel();
  group.spawn("sleeper", sleep_and_log(log, 0ms));
  join();
  EXPECT_TRUE(log.empty());
}

Task<void> throw_something() {
  throw std::runtime_error("broken");
  co_return;
}

TEST_F(Async, AnExceptionEndsItsTaskOnly) {
  group.spawn("thrower", throw_something());
  group.spawn("sleeper", sleep_and_log(log, 1ms));
  join();
  EXPECT_EQ(log, std::vector<std::string>{"slept"});
}

Task<void> clean_up(std::vector<std::string>& log) {
  co_await sleep_and_log(log, kForever);
  co_await shield_from_cancellation();
  co_await sleep_and_log(log, 1ms);
}

TEST_F(Async, CleanUpCanWaitAfterACancellation) {
  TaskGroup other(io.get_executor());
  group.spawn("cleaner", clean_up(log));
  other.spawn("canceller", cancel_group(group));
  join();
  run(io, other.join());
  EXPECT_EQ(log, (std::vector<std::string>{"Cancelled", "slept"}));
}

Task<void> join_and_log(TaskGroup& group, std::vector<std::string>& log) {
  co_await group.join();
  log.emplace_back("joined");
}

Task<void> cancel_joiner_then_notify(TaskGroup& joiners, Notify& notify, std::vector<std::string>& log) {
  joiners.cancel();
  co_await sleep_for(1ms);
  log.emplace_back("notifying");
  notify.notify();
}

TEST_F(Async, ACancelledJoinerStillJoins) {
  TaskGroup joiners(io.get_executor()), others(io.get_executor());
  group.spawn("waiter", wait_and_log(log, notify, kForever));
  joiners.spawn("joiner", join_and_log(group, log));
  others.spawn("canceller", cancel_joiner_then_notify(joiners, notify, log));
  run(io, joiners.join());
  run(io, others.join());
  EXPECT_EQ(log, (std::vector<std::string>{"notifying", "notified", "joined"}));
}

TEST_F(Async, ANotifyBeforeTheWaitIsNotLost) {
  notify.notify();
  notify.notify();
  group.spawn("waiter", wait_and_log(log, notify, kForever));
  join();
  group.spawn("waiter", wait_and_log(log, notify, 1ms));
  join();
  EXPECT_EQ(log, (std::vector<std::string>{"notified", "timeout"}));
}

Task<void> call_notify(Notify& notify) {
  notify.notify();
  co_return;
}

TEST_F(Async, ANotifyWakesTheWaiter) {
  group.spawn("waiter", wait_and_log(log, notify, kForever));
  group.spawn("notifier", call_notify(notify));
  join();
  EXPECT_EQ(log, std::vector<std::string>{"notified"});
}

Task<void> await_signal(std::vector<std::string>& log) {
  const Result<int> number = co_await wait_for_termination();
  log.push_back(number ? std::to_string(*number) : std::string(to_string(number.error().code)));
}

Task<void> raise_signal(int number) {
  std::raise(number);
  co_return;
}

TEST_F(Async, TerminationResumesTheProgram) {
  for (const int number : {SIGTERM, SIGINT}) {
    group.spawn("waiter", await_signal(log));
    group.spawn("raiser", raise_signal(number));
    join();
  }
  EXPECT_EQ(log, (std::vector<std::string>{std::to_string(SIGTERM), std::to_string(SIGINT)}));
}

TEST_F(Async, WaitingForTerminationCanBeCancelled) {
  TaskGroup other(io.get_executor());
  group.spawn("waiter", await_signal(log));
  other.spawn("canceller", cancel_group(group));
  join();
  run(io, other.join());
  EXPECT_EQ(log, std::vector<std::string>{"Cancelled"});
}

// Time that passes when a test says so.
class ManualTime final : public TimeSource {
 public:
  uint64_t start(std::chrono::steady_clock::duration duration, std::function<void()> over) override {
    waits[++last] = {now + duration, std::move(over)};
    return last;
  }
  void end(uint64_t wait) override { waits.erase(wait); }
  void pass(std::chrono::steady_clock::duration duration) {
    now += duration;
    for (auto& [number, wait] : std::exchange(waits, {})) {
      if (wait.first > now) {
        waits[number] = std::move(wait);
      } else {
        wait.second();
      }
    }
  }
  std::chrono::steady_clock::duration now{0};
  std::map<uint64_t, std::pair<std::chrono::steady_clock::duration, std::function<void()>>> waits;
  uint64_t last = 0;
};

TEST(TimeSource, DecidesWhenSleepsAndNotifiesAreOver) {
  ManualTime time;
  asio::io_context io;
  use_time_source(io, time);
  TaskGroup group(io.get_executor());
  std::vector<std::string> log;
  group.spawn("short", sleep_and_log(log, std::chrono::seconds(10)));
  group.spawn("long", sleep_and_log(log, kForever));
  io.poll();
  EXPECT_EQ(time.waits.size(), 2U);
  time.pass(std::chrono::seconds(9));
  io.restart();
  io.poll();
  EXPECT_TRUE(log.empty());
  time.pass(std::chrono::seconds(1));
  io.restart();
  io.poll();
  EXPECT_EQ(log.size(), 1U);
  group.cancel();
  run(io, group.join());
  EXPECT_EQ(log.size(), 2U);
  EXPECT_TRUE(time.waits.empty()) << "a cancelled wait is ended";
}

TEST_F(Async, DestroyingAGroupWithTasksIsADefect) {
  EXPECT_DEATH(
      {
        asio::io_context loop;
        TaskGroup unjoined(loop.get_executor());
        unjoined.spawn("sleeper", sleep_and_log(log, kForever));
      },
      "invariant broken");
}

}  // namespace
}  // namespace wan
