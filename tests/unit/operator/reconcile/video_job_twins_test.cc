// Exactly one video: what a job does that another job of its namespace has made, or makes, already.

#include "builders.h"
#include "operator/reconcile/video_job/plan.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kHash = "sha256:" + std::string(64, 'a');

Plan plan_of(const Observed& observed, WallTime now = kNow) { return plan(observed, settings(), now); }

api::VideoJobStatus after(const Observed& observed, WallTime now = kNow) {
  return status_after(plan_of(observed, now), observed.job);
}

Observed answered() {
  Observed observed = served();
  observed.answer = Answer{
      .pod_uid = "pod-a-uid", .job_hash = kHash, .resolved = api::Resolved{.size = "96x96", .seed = 42}};
  return observed;
}

Twin finished() { return {"blue-ball", succeeded(make_video_job("blue-ball")).result}; }

TEST(VideoJobTwins, ThePodIsAskedBeforeItIsGivenTheJob) {
  const Observed observed = served();
  const Plan plan = plan_of(observed);
  const auto asked = steps_of<Resolve>(plan);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(acts_of(plan), SizeIs(1)) << "nothing is written for it";
  EXPECT_EQ(asked[0].pod_uid, "pod-a-uid");
  EXPECT_EQ(asked[0].body["spec"]["prompt"], "a red ball");
  ASSERT_TRUE(plan.requeue_after);
  EXPECT_LE(plan.requeue_after->count(), 1);
}

TEST(VideoJobTwins, WithoutOneTheJobIsAssignedWithItsHash) {
  const Observed observed = answered();
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Dispatch>(plan), SizeIs(1));
  const auto status = after(observed);
  EXPECT_EQ(status.job_hash, kHash);
  EXPECT_EQ(status.resolved->seed, 42);
  EXPECT_TRUE(status.assignment);
}

TEST(VideoJobTwins, AnAttemptThatEndedIsToldBeforeTheNextPodIsAsked) {
  Observed observed = served();
  observed.job.status.phase = "Running";
  observed.job.status.attempts = 1;
  observed.job.status.assignment =
      api::Assignment{.pod_name = "pod-gone", .pod_uid = "pod-gone-uid", .attempt = 1, .assigned_at = kNow};
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Resolve>(plan), SizeIs(1));
  const auto status = after(observed);
  EXPECT_FALSE(status.assignment);
  EXPECT_EQ(status.phase, "Queued");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("pod-a"));
}

TEST(VideoJobTwins, TheAnswerOfAnotherPodDoesNotCount) {
  Observed observed = answered();
  observed.answer->pod_uid = "pod-b-uid";
  EXPECT_THAT(steps_of<Resolve>(plan_of(observed)), SizeIs(1));
}

TEST(VideoJobTwins, APodThatCannotSayIsGivenTheJob) {
  Observed observed = answered();
  observed.answer->job_hash.clear();
  EXPECT_THAT(steps_of<Dispatch>(plan_of(observed)), SizeIs(1));
}

TEST(VideoJobTwins, AFinishedVideoIsPublishedAtTheJobsOwnPathAndNotMadeAgain) {
  Observed observed = answered();
  observed.finished_twin = finished();
  const Plan plan = plan_of(observed);
  const auto acts = acts_of(plan);
  ASSERT_THAT(acts, SizeIs(2));
  const auto* copy = std::get_if<CopyArtifact>(&acts[0]);
  ASSERT_NE(copy, nullptr) << "before the status says that it is there";
  EXPECT_EQ(copy->url, "http://10.96.0.9:8080/v1/artifacts/red-ball.mp4");
  EXPECT_EQ(copy->audience, "artifacts/films/videos");
  EXPECT_EQ(copy->sha256, finished().result->sha256);
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Succeeded");
  EXPECT_EQ(status.attempts, 0);
  EXPECT_FALSE(status.assignment);
  EXPECT_EQ(status.result->sha256, finished().result->sha256);
  EXPECT_EQ(status.result->url, copy->url);
  EXPECT_EQ(status.job_hash, kHash);
  EXPECT_THAT(message_of(status.conditions), HasSubstr("VideoJob blue-ball is the same"));
  EXPECT_EQ(kstatus(status, 1), "Current");
}

TEST(VideoJobTwins, AVideoThatIsBeingMadeIsWaitedForWithoutAPlaceInLine) {
  Observed observed = answered();
  observed.running_twin = Twin{"blue-ball", std::nullopt};
  EXPECT_THAT(steps_of<Dispatch>(plan_of(observed)), IsEmpty());
  observed.job.status = after(observed);
  EXPECT_EQ(reason_of(observed.job.status.conditions), "WaitingForIdenticalJob");
  EXPECT_THAT(message_of(observed.job.status.conditions), HasSubstr("VideoJob blue-ball"));
  EXPECT_EQ(kstatus(observed.job.status, 1), "InProgress");
  EXPECT_FALSE(stands_in_line(observed.job));
  EXPECT_THAT(acts_of(plan_of(observed)), IsEmpty()) << "settled";
}

TEST(VideoJobTwins, WhoWaitedTakesTheVideoWithoutAPod) {
  Observed observed = answered();
  observed.running_twin = Twin{"blue-ball", std::nullopt};
  observed.job.status = after(observed);
  observed.running_twin.reset();
  observed.finished_twin = finished();
  observed.turn = {};
  observed.pods.clear();
  observed.runtimes.clear();
  EXPECT_EQ(after(observed).phase, "Succeeded");
}

TEST(VideoJobTwins, WhoWaitedSurvivesTheCancelOfTheOther) {
  Observed observed = answered();
  observed.running_twin = Twin{"blue-ball", std::nullopt};
  observed.job.status = after(observed);
  observed.running_twin.reset();
  EXPECT_EQ(reason_of(after(observed).conditions), "Assigned");
  observed.turn = {.before = 1, .replica_ready = true};
  observed.job.status = after(observed);
  EXPECT_EQ(reason_of(observed.job.status.conditions), "WaitingForReplica");
  EXPECT_TRUE(stands_in_line(observed.job));
}

TEST(VideoJobTwins, APodOfTheJobsOwnIsGivenBackWhileTheOtherWorks) {
  Observed observed = oneshot();
  carry_out(plan_of(observed), observed);
  ASSERT_THAT(observed.runs, SizeIs(1));
  api::Pod pod = ready_pod("pod-a");
  pod.metadata.controller = api::OwnerRef{.uid = observed.runs[0].metadata.uid};
  observed.pods = {pod};
  observed.runtimes = {ready_view("pod-a")};
  observed.answer = Answer{.pod_uid = "pod-a-uid", .job_hash = kHash};
  observed.running_twin = Twin{"blue-ball", std::nullopt};
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Delete>(plan), SizeIs(1));
  const auto status = after(observed);
  EXPECT_EQ(reason_of(status.conditions), "WaitingForIdenticalJob");
  EXPECT_EQ(status.attempts, 2) << "the next batch Job has another name";
}

}  // namespace
}  // namespace wan::reconcile::video_job
