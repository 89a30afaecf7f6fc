#include "runtime/jobs/job_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_generator.h"

namespace wan::jobs {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class JobTableTest : public ::testing::Test {
 protected:
  static JobRequest request(const std::string& uid, int attempt = 1, const std::string& epoch = "100") {
    JobRequest made;
    made.uid = uid;
    made.namespace_ = "default";
    made.name = "job-" + uid;
    made.pod_uid = "pod";
    made.attempt = attempt;
    made.epoch = epoch;
    made.spec.prompt = "a red ball";
    made.spec.seed = 1;
    made.artifact = {"http://10.0.0.1/v1/artifacts/" + uid + ".mp4", "token-" + std::to_string(attempt)};
    return made;
  }
  std::expected<Accepted, Refused> put(const JobRequest& made) { return table.put(made, model, now); }
  std::string refusal(const JobRequest& made) {
    const auto accepted = put(made);
    return accepted ? "accepted" : std::string(to_string(accepted.error().refusal));
  }
  Phase phase(const std::string& uid) { return table.find(uid)->state.phase; }

  JobTable table{TableSettings{.pod_uid = "pod", .max_unfinished = 4, .max_finished = 2}};
  pipeline::ModelInfo model{"/m", "m", "sha256:" + std::string(64, 'a'), wan::testing::scripted_defaults(),
                            1};
  SteadyTime now{};
};

TEST_F(JobTableTest, AcceptsAJobOnceAndAnswersRepeatsWithItsState) {
  const auto first = put(request("a"));
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->created);
  EXPECT_EQ(first->state.phase, Phase::kQueued);
  EXPECT_EQ(first->state.resolved.steps, 20);
  EXPECT_TRUE(is_sha256_digest(first->state.job_hash));
  JobRequest again = request("a");
  again.artifact.token = "renewed";
  const auto second = put(again);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->created);
  EXPECT_EQ(table.find("a")->request.artifact.token, "renewed");
  EXPECT_EQ(table.in_order().size(), 1u);
}

TEST_F(JobTableTest, RefusesAnotherPodsJobsAndOlderLeaders) {
  JobRequest wrong = request("a");
  wrong.pod_uid = "other";
  EXPECT_EQ(refusal(wrong), "WrongPod");
  ASSERT_TRUE(put(request("a", 1, "1000")));
  EXPECT_EQ(refusal(request("b", 1, "999")), "StaleEpoch");  // by number, not by text
  EXPECT_EQ(refusal(request("a", 1, "999")), "StaleEpoch");
  EXPECT_EQ(refusal(request("b", 1, "1000")), "accepted");
}

TEST_F(JobTableTest, ARefusedRequestOfAnotherPodDoesNotRaiseTheEpoch) {
  JobRequest wrong = request("a", 1, "5000");
  wrong.pod_uid = "other";
  EXPECT_EQ(refusal(wrong), "WrongPod");
  EXPECT_EQ(refusal(request("a", 1, "100")), "accepted");
}

TEST_F(JobTableTest, AHigherAttemptReplacesOnlyAnEndedOne) {
  ASSERT_TRUE(put(request("a", 2)));
  EXPECT_EQ(refusal(request("a", 1)), "StaleAttempt");
  EXPECT_EQ(refusal(request("a", 3)), "StillRunning");
  ASSERT_TRUE(table.request_cancel("a"));
  EXPECT_EQ(refusal(request("a", 3)), "accepted");
  EXPECT_EQ(table.find("a")->state.attempt, 3);
  EXPECT_EQ(phase("a"), Phase::kQueued);
  EXPECT_EQ(table.in_order().size(), 1u);
}

TEST_F(JobTableTest, NamesTheFieldThatIsWrong) {
  JobRequest bad = request("a");
  bad.spec.frames = 16;
  const auto accepted = put(bad);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().refusal, Refusal::kInvalid);
  EXPECT_THAT(accepted.error().message, HasSubstr("frames"));
  EXPECT_EQ(table.find("a"), nullptr);
}

TEST_F(JobTableTest, StartsOneAfterAnotherInOrder) {
  for (const char* uid : {"c", "a", "b"}) ASSERT_TRUE(put(request(uid)));
  now += 3s;
  const auto first = table.start_next(now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->state.uid, "c");
  EXPECT_EQ(first->state.timings["queued"], 3.0);
  EXPECT_FALSE(table.start_next(now));
  table.generation_ended("c", 1);  // its upload goes on
  EXPECT_EQ(phase("c"), Phase::kRunning);
  EXPECT_EQ(table.start_next(now)->state.uid, "a");
}

TEST_F(JobTableTest, CancelsAWaitingJobAtOnceAndARunningOneWhenItsWorkStopped) {
  ASSERT_TRUE(put(request("a")));
  ASSERT_TRUE(put(request("b")));
  ASSERT_TRUE(table.start_next(now));
  EXPECT_TRUE(table.request_cancel("a"));
  EXPECT_TRUE(table.request_cancel("b"));
  EXPECT_FALSE(table.request_cancel("unknown"));
  EXPECT_EQ(phase("a"), Phase::kRunning);
  EXPECT_EQ(phase("b"), Phase::kCancelled);
  table.generation_ended("a", 1);
  table.cancel_confirmed("a", 1);
  EXPECT_EQ(phase("a"), Phase::kCancelled);
}

TEST_F(JobTableTest, AJobEndsOnce) {
  ASSERT_TRUE(put(request("a")));
  ASSERT_TRUE(table.start_next(now));
  table.succeed("a", 1, {{"sha256", "x"}}, {{"upload", 1}});
  table.fail_job("a", 1, {"Late", "", false});
  table.cancel_confirmed("a", 1);
  table.report_progress("a", 1, Progress{.phase = "Denoise"});
  EXPECT_EQ(phase("a"), Phase::kSucceeded);
  EXPECT_FALSE(table.find("a")->state.error);
}

TEST_F(JobTableTest, ResultsOfAReplacedAttemptCountForNothingButFreeTheThread) {
  ASSERT_TRUE(put(request("a", 1)));
  ASSERT_TRUE(table.start_next(now));
  table.fail_job("a", 1, {"DeadlineExceeded", "", false});
  ASSERT_TRUE(put(request("a", 2)));
  EXPECT_FALSE(table.start_next(now)) << "attempt 1 has not left the thread yet";
  table.succeed("a", 1, {{"sha256", "old"}}, Json::object());
  table.generation_ended("a", 1);
  EXPECT_EQ(phase("a"), Phase::kQueued);
  const auto started = table.start_next(now);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->state.attempt, 2);
}

TEST_F(JobTableTest, ALateCancelDoesNotHitANewerAttemptOrLeader) {
  ASSERT_TRUE(put(request("a", 2, "100")));
  EXPECT_EQ(table.refuse_cancel("a", 1, "100")->refusal, Refusal::kStaleAttempt);
  EXPECT_EQ(table.refuse_cancel("a", 2, "99")->refusal, Refusal::kStaleEpoch);
  EXPECT_FALSE(table.refuse_cancel("a", 2, "100"));
  EXPECT_FALSE(table.refuse_cancel("a", 3, "101"));
}

TEST_F(JobTableTest, DeadlinesAreReportedOnceAndCountFromAcceptance) {
  JobRequest made = request("a");
  made.active_deadline_seconds = 10;
  ASSERT_TRUE(put(made));
  EXPECT_EQ(table.next_deadline(), now + 10s);
  EXPECT_TRUE(table.take_expired(now + 9s).empty());
  EXPECT_THAT(table.take_expired(now + 10s), ElementsAre("a"));
  EXPECT_TRUE(table.take_expired(now + 11s).empty());
  EXPECT_FALSE(table.next_deadline());
}

TEST_F(JobTableTest, RefusesMoreThanItsQueueHoldsAndForgetsOldEnds) {
  for (const char* uid : {"a", "b", "c", "d"}) ASSERT_TRUE(put(request(uid)));
  EXPECT_EQ(refusal(request("e")), "QueueFull");
  for (const char* uid : {"a", "b", "c"}) ASSERT_TRUE(table.request_cancel(uid));
  ASSERT_TRUE(put(request("e")));
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_NE(table.find("c"), nullptr);
  EXPECT_NE(table.find("d"), nullptr);
}

TEST_F(JobTableTest, FailingWhatWaitsLeavesWhatRuns) {
  ASSERT_TRUE(put(request("a")));
  ASSERT_TRUE(put(request("b")));
  ASSERT_TRUE(table.start_next(now));
  table.fail_queued({"PodDraining", "ending", true});
  EXPECT_EQ(phase("a"), Phase::kRunning);
  EXPECT_EQ(phase("b"), Phase::kFailed);
  EXPECT_TRUE(table.find("b")->state.error->retryable);
}

TEST_F(JobTableTest, EveryChangeRaisesTheRevisionAndPhasesTheirOwn) {
  ASSERT_TRUE(put(request("a")));
  ASSERT_TRUE(table.start_next(now));
  table.report_progress("a", 1, Progress{.phase = "Denoise", .done = 1, .total = 20});
  const uint64_t phase_revision = table.find("a")->phase_revision;
  const uint64_t revision = table.find("a")->revision;
  table.report_progress("a", 1, Progress{.phase = "Denoise", .done = 2, .total = 20});
  EXPECT_EQ(table.find("a")->phase_revision, phase_revision);
  EXPECT_GT(table.find("a")->revision, revision);
  EXPECT_EQ(table.find("a")->state.step, 2);
}

TEST(OneShotTable, ServesOnlyItsOwnJob) {
  JobTable table{TableSettings{.pod_uid = "", .only_job_uid = "mine"}};
  JobRequest other;
  other.uid = "other";
  const auto accepted = table.put(other, {}, {});
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().refusal, Refusal::kWrongJob);
}

}  // namespace
}  // namespace wan::jobs
