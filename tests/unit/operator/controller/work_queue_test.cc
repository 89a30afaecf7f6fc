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

}  // namespace
}  // namespace wan::controller
