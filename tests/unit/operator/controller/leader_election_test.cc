#include "operator/controller/leader_election.h"

#include <gtest/gtest.h>

#include "base/async/task_group.h"
#include "operator/cache/key.h"
#include "tests/support/fake_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/run_task.h"

namespace wan::controller {
namespace {

class LeaderElectionTest : public ::testing::Test {
 protected:
  ElectionSettings settings(const std::string& identity) {
    ElectionSettings made;
    made.namespace_ = "system";
    made.identity = identity;
    return made;
  }
  bool attempt(LeaderElection& election) {
    const auto won = testing::run_task(context_, election.attempt());
    EXPECT_TRUE(won) << won.error().message;
    return won.value_or(false);
  }
  LeaseRecord lease() {
    const Json* stored = api_.stored(kube::kLeases, "system/wan-operator");
    return stored == nullptr ? LeaseRecord() : lease_from_json(*stored);
  }

  asio::io_context context_;
  testing::FakeApi api_;
  testing::FakeClock clock_;
  LeaderElection one_{api_, clock_, settings("one")};
  LeaderElection two_{api_, clock_, settings("two")};
};

TEST_F(LeaderElectionTest, TakesALeaseThatDoesNotExistAndRenewsIt) {
  EXPECT_TRUE(attempt(one_));
  EXPECT_TRUE(one_.leading());
  EXPECT_EQ(lease().holder, "one");
  EXPECT_EQ(lease().duration, std::chrono::seconds(15));
  const LeaseRecord first = lease();
  clock_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(attempt(one_));
  EXPECT_NE(lease().renew_time, first.renew_time);
  EXPECT_EQ(lease().acquire_time, first.acquire_time);
  EXPECT_EQ(lease().transitions, 0);
}

TEST_F(LeaderElectionTest, LeavesALivingLeaderAlone) {
  ASSERT_TRUE(attempt(one_));
  for (int i = 0; i < 30; ++i) {
    clock_.advance(std::chrono::seconds(2));
    EXPECT_TRUE(attempt(one_));
    EXPECT_FALSE(attempt(two_));
  }
  EXPECT_EQ(two_.holder(), "one");
}

TEST_F(LeaderElectionTest, TakesOverWhenTheHolderWasSilentForTheLeasesDuration) {
  ASSERT_TRUE(attempt(one_));
  ASSERT_FALSE(attempt(two_));
  clock_.advance(std::chrono::seconds(15));
  EXPECT_FALSE(attempt(two_));
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(attempt(two_));
  EXPECT_EQ(lease().holder, "two");
  EXPECT_EQ(lease().transitions, 1);
}

// A process that was frozen finds out by its timers, which run after whatever else is ready.
TEST_F(LeaderElectionTest, SaysThatItsLeaseHasRunOutBeforeItKnowsThatAnotherLeads) {
  EXPECT_FALSE(one_.lease_is_valid());
  ASSERT_TRUE(attempt(one_));
  clock_.advance(std::chrono::milliseconds(14'999));
  EXPECT_TRUE(one_.lease_is_valid());
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(one_.lease_is_valid());
  ASSERT_TRUE(attempt(one_));
  EXPECT_TRUE(one_.lease_is_valid());
}

TEST_F(LeaderElectionTest, JudgesOnlyByItsOwnClockSinceItFirstSawTheRecord) {
  ASSERT_TRUE(attempt(one_));
  clock_.advance(std::chrono::hours(5));
  EXPECT_FALSE(attempt(two_)) << "the record may have been renewed just before it was first seen";
}

TEST_F(LeaderElectionTest, TakesALeaseThatWasGivenBackAtOnce) {
  ASSERT_TRUE(attempt(one_));
  ASSERT_FALSE(attempt(two_));
  testing::run_task(context_, one_.release());
  EXPECT_EQ(lease().holder, "");
  EXPECT_FALSE(one_.leading());
  EXPECT_TRUE(attempt(two_));
}

TEST_F(LeaderElectionTest, GivesTheLeaseBackThoughTheAnswerOfItsLastRenewalWasLost) {
  ASSERT_TRUE(attempt(one_));
  Json renewed = *api_.stored(kube::kLeases, "system/wan-operator");
  renewed["metadata"]["labels"]["team"] = "video";  // any write that it does not know of
  api_.put(kube::kLeases, renewed);
  testing::run_task(context_, one_.release());
  EXPECT_EQ(lease().holder, "");
}

TEST_F(LeaderElectionTest, GivesNoLeaseBackThatAnotherHolds) {
  ASSERT_TRUE(attempt(one_));
  ASSERT_FALSE(attempt(two_));
  clock_.advance(std::chrono::seconds(16));
  ASSERT_TRUE(attempt(two_));
  testing::run_task(context_, one_.release());
  EXPECT_EQ(lease().holder, "two");
}

TEST_F(LeaderElectionTest, TheEpochIsTheVersionOfTheWriteThatWonAndGrows) {
  ASSERT_TRUE(attempt(one_));
  const std::string first = one_.epoch();
  EXPECT_EQ(first, lease().resource_version);
  clock_.advance(std::chrono::seconds(2));
  ASSERT_TRUE(attempt(one_));
  EXPECT_EQ(one_.epoch(), first);
  testing::run_task(context_, one_.release());
  ASSERT_TRUE(attempt(two_));
  EXPECT_TRUE(cache::version_less(first, two_.epoch()));
}

TEST_F(LeaderElectionTest, OnlyOneOfTwoThatReadTheSameExpiredLeaseGetsIt) {
  ASSERT_TRUE(attempt(one_));
  LeaderElection three(api_, clock_, settings("three"));
  ASSERT_FALSE(attempt(two_));
  ASSERT_FALSE(attempt(three));
  clock_.advance(std::chrono::seconds(16));
  ASSERT_TRUE(attempt(two_));
  EXPECT_FALSE(attempt(three));
}

TEST_F(LeaderElectionTest, NoticesThatAnotherHoldsTheLease) {
  LeaderElection quick(api_, clock_, [this] {
    ElectionSettings made = settings("quick");
    made.retry_period = std::chrono::milliseconds(1);
    return made;
  }());
  ASSERT_TRUE(attempt(quick));
  Json stolen = *api_.stored(kube::kLeases, "system/wan-operator");
  stolen["spec"]["holderIdentity"] = "thief";
  api_.put(kube::kLeases, stolen);
  const Error lost = testing::run_task(context_, quick.hold());
  EXPECT_NE(lost.message.find("held by thief"), std::string::npos) << lost.message;
  EXPECT_FALSE(quick.leading());
}

TEST_F(LeaderElectionTest, GivesUpWhenItCannotRenewInTime) {
  LeaderElection quick(api_, clock_, [this] {
    ElectionSettings made = settings("quick");
    made.retry_period = std::chrono::milliseconds(1);
    return made;
  }());
  ASSERT_TRUE(attempt(quick));
  for (int i = 0; i < 1000; ++i) api_.fail_next("update", unavailable("the API server is down"));
  TaskGroup ticks(context_.get_executor());
  bool ended = false;
  ticks.spawn("clock", [](testing::FakeClock& clock, const bool& stop) -> Task<void> {
    while (!stop) {
      clock.advance(std::chrono::seconds(1));
      const Status waited = co_await sleep_for(std::chrono::milliseconds(1));
      if (!waited) co_return;
    }
  }(clock_, ended));
  const Error lost = testing::run_task(context_, quick.hold());
  ended = true;
  testing::run_task(context_, ticks.join());
  EXPECT_NE(lost.message.find("could not be renewed in time"), std::string::npos) << lost.message;
  EXPECT_FALSE(quick.leading());
}

TEST_F(LeaderElectionTest, SurvivesAConflictWithSomebodyWhoEditsALabel) {
  ASSERT_TRUE(attempt(one_));
  Json edited = *api_.stored(kube::kLeases, "system/wan-operator");
  edited["metadata"]["labels"]["team"] = "video";
  api_.put(kube::kLeases, edited);
  const auto conflicted = testing::run_task(context_, one_.attempt());
  EXPECT_FALSE(conflicted);
  EXPECT_TRUE(one_.leading());
  EXPECT_TRUE(attempt(one_));
  EXPECT_EQ(string_or(*api_.stored(kube::kLeases, "system/wan-operator"), {"metadata", "labels", "team"}, ""),
            "video");
}

TEST_F(LeaderElectionTest, MakesTheLeaseAgainWhenSomebodyDeletedIt) {
  ASSERT_TRUE(attempt(one_));
  api_.drop(kube::kLeases, "system/wan-operator");
  EXPECT_FALSE(testing::run_task(context_, one_.attempt()));
  EXPECT_TRUE(attempt(one_));
  EXPECT_EQ(lease().holder, "one");
}

}  // namespace
}  // namespace wan::controller
