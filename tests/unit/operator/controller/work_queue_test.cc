#include "operator/controller/work_queue.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace wan::controller {
namespace {

using std::chrono::milliseconds;

const Key kA{"ns", "a"};
const Key kB{"ns", "b"};

class WorkQueueTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  WorkQueue queue_{clock_};
};

TEST_F(WorkQueueTest, GivesEachKeyOnceInTheOrderOfTheirFirstChange) {
  queue_.add(kA);
  queue_.add(kB);
  queue_.add(kA);
  EXPECT_EQ(queue_.take(), kA);
  EXPECT_EQ(queue_.take(), kB);
  EXPECT_EQ(queue_.take(), std::nullopt);
}

TEST_F(WorkQueueTest, NeverGivesAKeyToASecondWorkerAndForgetsNoChange) {
  queue_.add(kA);
  ASSERT_EQ(queue_.take(), kA);
  queue_.add(kA);
  queue_.add(kA);
  EXPECT_EQ(queue_.take(), std::nullopt);
  queue_.done(kA);
  EXPECT_EQ(queue_.take(), kA);
  queue_.done(kA);
  EXPECT_EQ(queue_.take(), std::nullopt);
}

TEST_F(WorkQueueTest, HoldsADelayedKeyBackUntilItIsDue) {
  queue_.add_after(kA, milliseconds(100));
  EXPECT_EQ(queue_.take(), std::nullopt);
  EXPECT_EQ(queue_.next_due(), clock_.steady() + milliseconds(100));
  clock_.advance(milliseconds(100));
  EXPECT_EQ(queue_.take(), kA);
  EXPECT_EQ(queue_.next_due(), std::nullopt);
}

TEST_F(WorkQueueTest, TakesTheEarliestOfSeveralDelays) {
  queue_.add_after(kA, milliseconds(500));
  queue_.add_after(kA, milliseconds(50));
  queue_.add_after(kA, milliseconds(900));
  clock_.advance(milliseconds(50));
  EXPECT_EQ(queue_.take(), kA);
  queue_.done(kA);
  clock_.advance(milliseconds(1000));
  EXPECT_EQ(queue_.take(), std::nullopt);
}

TEST_F(WorkQueueTest, AChangeEndsADelay) {
  queue_.add_after(kA, milliseconds(500));
  queue_.add(kA);
  EXPECT_EQ(queue_.take(), kA);
  queue_.done(kA);
  clock_.advance(milliseconds(500));
  EXPECT_EQ(queue_.take(), std::nullopt);
}

TEST_F(WorkQueueTest, ADelayThatEndsDuringTheWorkWaitsForItsEnd) {
  queue_.add(kA);
  ASSERT_EQ(queue_.take(), kA);
  queue_.add_after(kA, milliseconds(10));
  clock_.advance(milliseconds(10));
  EXPECT_EQ(queue_.take(), std::nullopt);
  queue_.done(kA);
  EXPECT_EQ(queue_.take(), kA);
}

TEST_F(WorkQueueTest, WaitsLongerAfterEachFailureOfTheSameKey) {
  const auto fails_then_waits = [&](milliseconds expected) {
    queue_.add_rate_limited(kA);
    EXPECT_EQ(*queue_.next_due() - clock_.steady(), expected);
    clock_.advance(expected);
    EXPECT_EQ(queue_.take(), kA);
    queue_.done(kA);
  };
  fails_then_waits(milliseconds(5));
  fails_then_waits(milliseconds(10));
  fails_then_waits(milliseconds(20));
  for (int i = 0; i < 20; ++i) {
    queue_.add_rate_limited(kA);
    clock_.advance(milliseconds(1'000'000));
    ASSERT_EQ(queue_.take(), kA);
    queue_.done(kA);
  }
  fails_then_waits(milliseconds(1'000'000));
  EXPECT_EQ(queue_.failures(kB), 0);
  queue_.forget(kA);
  fails_then_waits(milliseconds(5));
}

TEST_F(WorkQueueTest, LetsAUsersEditOvertakeTenThousandKeysOfTheStart) {
  for (int i = 0; i < 10'000; ++i) queue_.add({"ns", "k" + std::to_string(i)}, Priority::kLow);
  queue_.add(kB, Priority::kNormal);
  queue_.add({"ns", "k7777"}, Priority::kHigh);
  EXPECT_EQ(queue_.ready(Priority::kLow), 9'999U);
  EXPECT_EQ(queue_.ready(Priority::kHigh), 1U);
  EXPECT_EQ(queue_.take(), (Key{"ns", "k7777"}));
  EXPECT_EQ(queue_.take(), kB);
  EXPECT_EQ(queue_.take(), (Key{"ns", "k0"}));
  EXPECT_EQ(queue_.depth(), 9'998U);
}

TEST_F(WorkQueueTest, LowersNoPriority) {
  queue_.add(kA);
  queue_.add(kB, Priority::kHigh);
  queue_.add(kB, Priority::kLow);
  EXPECT_EQ(queue_.take(), kB);
  EXPECT_EQ(queue_.take(), kA);
}

TEST_F(WorkQueueTest, TakesTheHighestPriorityOfTheChangesDuringTheWork) {
  queue_.add(kA, Priority::kLow);
  ASSERT_EQ(queue_.take(), kA);
  queue_.add(kB);
  queue_.add(kA, Priority::kLow);
  queue_.add(kA, Priority::kHigh);
  queue_.done(kA);
  EXPECT_EQ(queue_.take(), kA);
}

TEST_F(WorkQueueTest, RetriesWithThePriorityOfTheWorkThatFailed) {
  queue_.add(kA, Priority::kHigh);
  ASSERT_EQ(queue_.take(), kA);
  queue_.add_rate_limited(kA);
  queue_.done(kA);
  queue_.add(kB);
  clock_.advance(milliseconds(5));
  EXPECT_EQ(queue_.take(), kA);
}

TEST_F(WorkQueueTest, HoldsTheRetriesOfAllKeysToARateButNoChange) {
  for (int i = 0; i < 200; ++i) queue_.add({"ns", "k" + std::to_string(i)});
  for (int i = 0; i < 200; ++i) {
    const Key key = *queue_.take();
    queue_.add_rate_limited(key);
    queue_.done(key);
  }
  clock_.advance(milliseconds(5));
  size_t at_once = 0;
  while (queue_.take()) ++at_once;
  EXPECT_EQ(at_once, 100U) << "a burst";
  clock_.advance(milliseconds(5'000));
  size_t later = 0;
  while (queue_.take()) ++later;
  EXPECT_NEAR(static_cast<double>(later), 50, 1) << "ten in a second";
  queue_.add({"ns", "k199"});
  EXPECT_EQ(queue_.take(), (Key{"ns", "k199"}));
}

TEST_F(WorkQueueTest, TellsHowLongTheWorkTakes) {
  queue_.add(kA);
  ASSERT_EQ(queue_.take(), kA);
  clock_.advance(milliseconds(300));
  queue_.add(kB);
  ASSERT_EQ(queue_.take(), kB);
  clock_.advance(milliseconds(100));
  EXPECT_EQ(queue_.work_times().longest, milliseconds(400));
  EXPECT_EQ(queue_.work_times().sum, milliseconds(500));
}

}  // namespace
}  // namespace wan::controller
