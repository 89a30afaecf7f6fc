#include "builders.h"
#include "operator/reconcile/video_job/plan.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Plan plan_of(const Observed& observed, WallTime now = kNow) { return plan(observed, settings(), now); }

api::VideoJobStatus after(const Observed& observed, WallTime now = kNow) {
  return status_after(plan_of(observed, now), observed.job);
}

// A job that has been assigned to pod-a and that the pod knows.
Observed assigned(const std::string& pod_phase = "Queued") {
  Observed observed = served();
  carry_out(plan_of(observed), observed);
  observed.runtimes[0].jobs[0].phase = pod_phase;
  return observed;
}

Observed running() {
  Observed observed = assigned("Running");
  carry_out(plan_of(observed), observed);
  return observed;
}

// Nothing is written again for what has been written.
void expect_settled(Observed observed, WallTime now = kNow) {
  EXPECT_THAT(acts_of(plan_of(observed, now)), IsEmpty());
}

TEST(VideoJob, WaitsForADeploymentThatDoesNotExist) {
  Observed observed = served();
  observed.deployment.reset();
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Pending");
  EXPECT_EQ(reason_of(status.conditions), "DeploymentNotFound");
  EXPECT_EQ(reason_of(status.conditions, "Succeeded"), "DeploymentNotFound");
  EXPECT_THAT(message_of(status.conditions),
              HasSubstr("WanDeployment tiny does not exist in namespace films"));
  EXPECT_EQ(kstatus(status, 1), "InProgress");
}

TEST(VideoJob, SaysWhyItsDeploymentIsNotReady) {
  Observed observed = served();
  observed.pods[0].ready = false;
  mark_reconciling(observed.deployment->status.conditions, {"Unschedulable", "0/1 nodes are available"}, 1,
                   kNow);
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Queued");
  EXPECT_EQ(reason_of(status.conditions), "WaitingForDeployment");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("0/1 nodes are available"));
}

TEST(VideoJob, IsStalledWhenNobodyNamesAStore) {
  Observed observed = served();
  observed.deployment->spec.artifacts.reset();
  const auto status = after(observed);
  EXPECT_EQ(reason_of(status.conditions), "NoArtifactStore");
  EXPECT_EQ(kstatus(status, 1), "Failed");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("spec.artifacts.pvc.claimName"));
  observed.job.status = status;
  observed.deployment = make_wan_deployment();
  EXPECT_EQ(reason_of(after(observed).conditions), "Assigned") << "the deployment has been given a store";
}

TEST(VideoJob, WaitsForItsArtifactServerAndSaysWhatIsInTheWay) {
  Observed observed = served();
  observed.artifact_deployment->ready_replicas = 0;
  api::Pod server = ready_pod("server");
  server.ready = false;
  server.phase = "Pending";
  server.containers.clear();
  server.unschedulable = "persistentvolumeclaim \"videos\" not found";
  observed.artifact_pods = {server};
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Dispatch>(plan), IsEmpty());
  const auto status = status_after(plan, observed.job);
  EXPECT_EQ(reason_of(status.conditions), "WaitingForArtifactServer");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("persistentvolumeclaim \"videos\" not found"));
}

TEST(VideoJob, WritesTheAssignmentAndThenDispatches) {
  const Observed observed = served();
  const auto acts = acts_of(plan_of(observed));
  ASSERT_THAT(acts, SizeIs(2));
  const auto* write = std::get_if<WriteStatus>(&acts[0]);
  const auto* dispatch = std::get_if<Dispatch>(&acts[1]);
  ASSERT_TRUE(write && dispatch);
  EXPECT_EQ(write->resource_version, "100") << "guarded against another operator's assignment";
  EXPECT_EQ(write->status["assignment"]["podUID"], "pod-a-uid");
  EXPECT_EQ(write->status["assignment"]["attempt"], 1);
  EXPECT_EQ(write->status["startTime"], "2026-01-31T12:00:00Z");
  EXPECT_EQ(write->status["phase"], "Queued");
  EXPECT_EQ(dispatch->pod_uid, "pod-a-uid");
  EXPECT_EQ(dispatch->job_uid, "red-ball-uid");
  EXPECT_EQ(dispatch->artifact_audience, "artifacts/films/videos");
  EXPECT_EQ(dispatch->artifact_path, "red-ball.mp4");
}

TEST(VideoJob, DispatchesOnlyWhatTheJobSays) {
  Observed observed = served();
  observed.job.spec.seed = 42;
  observed.job.spec.negative_prompt = "";
  observed.job.spec.output = api::Output{api::OutputClaim{"mine", "clips/x.mp4"}};
  const auto dispatch = steps_of<Dispatch>(plan_of(observed));
  ASSERT_THAT(dispatch, SizeIs(1));
  const Json expected = {
      {"metadata", {{"namespace", "films"}, {"name", "red-ball"}, {"uid", "red-ball-uid"}}},
      {"podUID", "pod-a-uid"},
      {"attempt", 1},
      {"spec", {{"prompt", "a red ball"}, {"negativePrompt", ""}, {"seed", 42}}},
      {"activeDeadlineSeconds", 3600},
      {"artifact", {{"url", "http://10.96.0.9:8080/v1/artifacts/clips/x.mp4"}}}};
  EXPECT_EQ(dispatch[0].body, expected);
  EXPECT_EQ(dispatch[0].artifact_audience, "artifacts/films/mine");
}

TEST(VideoJob, TakesTheFreePodOfTwo) {
  Observed observed = served();
  observed.pods.push_back(ready_pod("pod-b"));
  observed.runtimes.push_back(ready_view("pod-b"));
  observed.runtimes[0].jobs = {job_state(make_video_job("other"), "Running")};
  EXPECT_EQ(after(observed).assignment->pod_name, "pod-b");
}

TEST(VideoJob, WaitsForItsTurn) {
  Observed observed = served();
  api::VideoJob first = make_video_job("first", -60);
  observed.others = {first};
  const auto status = after(observed);
  EXPECT_FALSE(status.assignment);
  EXPECT_EQ(reason_of(status.conditions), "WaitingForReplica");
  observed.job.status = status;
  observed.others[0].status.assignment = api::Assignment{.pod_uid = "elsewhere-uid"};
  EXPECT_TRUE(after(observed).assignment) << "the one before has its pod";
}

TEST(VideoJob, NeverSharesAPodWithAnotherPlannedFromTheSameView) {
  Observed one = served("one"), two = served("two");
  for (Observed* observed : {&one, &two}) {
    observed->pods.push_back(ready_pod("pod-b"));
    observed->runtimes.push_back(ready_view("pod-b"));
  }
  one.others = {two.job};
  two.others = {one.job};
  EXPECT_EQ(after(one).assignment->pod_name, "pod-a");
  EXPECT_EQ(after(two).assignment->pod_name, "pod-b");
}

TEST(VideoJob, IsSettledOnceThePodKnowsIt) { expect_settled(assigned()); }

TEST(VideoJob, DispatchesAgainWhatThePodDoesNotKnow) {
  Observed observed = assigned();
  observed.runtimes[0].jobs.clear();
  const auto acts = acts_of(plan_of(observed, at(30)));
  ASSERT_THAT(acts, SizeIs(1));
  const auto& again = std::get<Dispatch>(acts[0]);
  EXPECT_EQ(again.attempt, 1);
  EXPECT_EQ(again.body, steps_of<Dispatch>(plan_of(served()))[0].body)
      << "the same request as the first time";
}

TEST(VideoJob, DoesNotDispatchToAPodOutOfReach) {
  Observed observed = assigned();
  observed.runtimes[0].jobs.clear();
  observed.runtimes[0].reachable = false;
  expect_settled(observed);
}

TEST(VideoJob, RunsWhenThePodSaysSo) {
  Observed observed = assigned("Running");
  observed.runtimes[0].jobs[0].progress =
      api::Progress{.phase = "Denoise", .step = 3, .steps = 20, .percent = 15};
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Running");
  EXPECT_EQ(status.progress->step, 3);
  EXPECT_EQ(kstatus(status, 1), "InProgress");
}

TEST(VideoJob, PassesProgressOnOnceASecondAndPercent) {
  Observed observed = running();
  auto& progress = observed.runtimes[0].jobs[0].progress;
  progress = api::Progress{.phase = "Denoise", .step = 1, .steps = 100, .percent = 1};
  carry_out(plan_of(observed), observed);
  observed.last_progress_write = kNow;

  progress->percent = 1.5;
  expect_settled(observed, at(10));

  progress->percent = 9;
  const auto half = kNow + std::chrono::milliseconds(500);
  EXPECT_THAT(acts_of(plan_of(observed, half)), IsEmpty()) << "half a second is too soon";
  EXPECT_EQ(plan_of(observed, half).requeue_after, std::chrono::milliseconds(500));
  EXPECT_EQ(after(observed, at(1)).progress->percent, 9);

  progress->phase = "Decode";
  EXPECT_EQ(after(observed, half).progress->phase, "Decode") << "a new phase is told at once";
}

TEST(VideoJob, SucceedsWithResultTimingsAndHash) {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  const auto status = after(observed, at(7));
  EXPECT_EQ(status.phase, "Succeeded");
  EXPECT_EQ(status.result->bytes, 1234);
  EXPECT_EQ(status.timings->denoise, 1.5);
  EXPECT_EQ(status.resolved->seed, 42);
  EXPECT_EQ(status.progress->percent, 100);
  EXPECT_FALSE(status.job_hash.empty());
  EXPECT_EQ(status.completion_time, at(7));
  EXPECT_TRUE(is_true(status.conditions, "Succeeded"));
  EXPECT_EQ(kstatus(status, 1), "Current");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("red-ball.mp4 in claim videos"));
  observed.job.status = status;
  expect_settled(observed, at(100000));
  EXPECT_FALSE(plan_of(observed).requeue_after);
}

TEST(VideoJob, FailsAtOnceWhenTryingAgainCannotHelp) {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = failed(observed.job, false);
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Failed");
  EXPECT_EQ(reason_of(status.conditions, "Stalled"), "GenerationFailed");
  EXPECT_EQ(message_of(status.conditions), "OutOfMemory: no memory for 81 frames");
  EXPECT_EQ(kstatus(status, 1), "Failed");
  EXPECT_EQ(find_condition(status.conditions, "Succeeded")->status, "False");
}

TEST(VideoJob, TriesAgainUpToItsBackoffLimit) {
  Observed observed = running();
  observed.job.spec.backoff_limit = 2;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(observed.job.status.attempts, attempt);
    observed.runtimes[0].jobs[0] = failed(observed.job, true, attempt);
    carry_out(plan_of(observed), observed);
    EXPECT_EQ(observed.job.status.failures, attempt);
  }
  EXPECT_EQ(observed.job.status.phase, "Failed");
  EXPECT_EQ(reason_of(observed.job.status.conditions), "BackoffLimitExceeded");
  EXPECT_THAT(message_of(observed.job.status.conditions), HasSubstr("no memory for 81 frames"));
  expect_settled(observed);
}

TEST(VideoJob, GoesToAnotherPodWhenItsPodIsGone) {
  Observed observed = running();
  observed.pods = {ready_pod("pod-b")};
  observed.runtimes = {ready_view("pod-b")};
  const Plan plan = plan_of(observed);
  const auto status = status_after(plan, observed.job);
  EXPECT_EQ(status.assignment->pod_name, "pod-b");
  EXPECT_EQ(status.assignment->attempt, 2);
  EXPECT_EQ(status.failures, 0) << "losing a pod is not the job's failure";
  EXPECT_EQ(status.start_time, kNow) << "the deadline goes on from the first assignment";
  ASSERT_THAT(steps_of<Dispatch>(plan), SizeIs(1));
  EXPECT_EQ(steps_of<EmitEvent>(plan)[0].reason, "Retrying");
}

TEST(VideoJob, IsNotGivenToASecondPodWhileTheFirstIsOnlyOutOfReach) {
  Observed observed = running();
  observed.runtimes[0].reachable = false;
  observed.pods.push_back(ready_pod("pod-b"));
  observed.runtimes.push_back(ready_view("pod-b"));
  expect_settled(observed, at(600));
}

TEST(VideoJob, StaysWithAPodThatDrains) {
  Observed observed = running();
  observed.pods[0].metadata.deleted = kNow;
  observed.pods[0].ready = false;
  observed.runtimes[0].phase = "Draining";
  expect_settled(observed);
  observed.runtimes[0].jobs[0].phase = "Cancelled";
  const auto status = after(observed);
  EXPECT_FALSE(status.assignment) << "the pod has stopped it";
  EXPECT_EQ(status.failures, 0);
  EXPECT_EQ(status.phase, "Queued");
}

TEST(VideoJob, CountsARuntimeThatCrashedUnderIt) {
  Observed observed = running();
  observed.runtimes[0].jobs.clear();
  observed.pods[0].containers[1].restart_count = 1;
  observed.pods[0].containers[1].last_terminated =
      api::Terminated{.exit_code = 137, .reason = "OOMKilled", .finished_at = at(5)};
  const Plan plan = plan_of(observed, at(20));
  const auto status = status_after(plan, observed.job);
  EXPECT_EQ(status.failures, 1);
  EXPECT_EQ(status.assignment->attempt, 2);
  EXPECT_THAT(steps_of<EmitEvent>(plan)[0].note, HasSubstr("exit code 137 (OOMKilled)"));
}

TEST(VideoJob, DoesNotTakeAHalfFilledViewForACrash) {
  Observed observed = running();
  observed.runtimes[0].jobs.clear();
  const auto acts = acts_of(plan_of(observed));
  ASSERT_THAT(acts, SizeIs(1));
  EXPECT_EQ(std::get<Dispatch>(acts[0]).attempt, 1)
      << "the same attempt again, which the pod answers with 200";
}

TEST(VideoJob, IsCancelledAtOnceWhileItWaits) {
  Observed observed = served();
  observed.job.spec.cancel = true;
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Cancelled");
  EXPECT_EQ(find_condition(status.conditions, "Succeeded")->status, "False");
  EXPECT_EQ(kstatus(status, 1), "Current") << "it is as its spec asks";
  EXPECT_THAT(steps_of<Dispatch>(plan_of(observed)), IsEmpty());
}

TEST(VideoJob, IsCancelledOnceThePodHasStopped) {
  Observed observed = running();
  observed.job.spec.cancel = true;
  const Plan plan = plan_of(observed);
  ASSERT_THAT(steps_of<CancelOnPod>(plan), SizeIs(1));
  EXPECT_EQ(steps_of<CancelOnPod>(plan)[0].pod_uid, "pod-a-uid");
  observed.job.status = status_after(plan, observed.job);
  EXPECT_EQ(reason_of(observed.job.status.conditions), "Cancelling");
  EXPECT_EQ(observed.job.status.phase, "Running");
  observed.runtimes[0].jobs[0].phase = "Cancelled";
  EXPECT_EQ(after(observed).phase, "Cancelled");
}

TEST(VideoJob, IsCancelledWhenItsPodIsGone) {
  Observed observed = running();
  observed.job.spec.cancel = true;
  observed.pods.clear();
  observed.runtimes.clear();
  EXPECT_EQ(after(observed).phase, "Cancelled");
}

TEST(VideoJob, KeepsTheVideoThatWasDoneBeforeTheCancel) {
  Observed observed = running();
  observed.job.spec.cancel = true;
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  EXPECT_EQ(after(observed).phase, "Succeeded");
}

TEST(VideoJob, FailsAtItsQueueDeadlineAndSaysWhatItWaitedFor) {
  Observed observed = served();
  observed.deployment.reset();
  observed.job.spec.queue_deadline_seconds = 60;
  carry_out(plan_of(observed), observed);
  EXPECT_EQ(plan_of(observed).requeue_after, std::chrono::seconds(50)) << "it was made 10 s ago";
  EXPECT_THAT(acts_of(plan_of(observed, at(49))), IsEmpty());
  const auto status = after(observed, at(50));
  EXPECT_EQ(status.phase, "Failed");
  EXPECT_EQ(reason_of(status.conditions), "QueueDeadlineExceeded");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("WanDeployment tiny does not exist"));
}

TEST(VideoJob, FailsAtItsActiveDeadlineAndStopsThePodUntilThatIsConfirmed) {
  Observed observed = running();
  EXPECT_EQ(plan_of(observed, at(600)).requeue_after, std::chrono::seconds(3000));
  const Plan plan = plan_of(observed, at(3600));
  observed.job.status = status_after(plan, observed.job);
  EXPECT_EQ(reason_of(observed.job.status.conditions), "DeadlineExceeded");
  EXPECT_THAT(steps_of<CancelOnPod>(plan), SizeIs(1));
  EXPECT_THAT(steps_of<CancelOnPod>(plan_of(observed, at(3700))), SizeIs(1)) << "not confirmed yet";
  observed.runtimes[0].jobs[0].phase = "Cancelled";
  expect_settled(observed, at(3800));
}

TEST(VideoJob, LeavesLessTimeToALaterAttempt) {
  Observed observed = running();
  observed.pods = {ready_pod("pod-b")};
  observed.runtimes = {ready_view("pod-b")};
  EXPECT_EQ(steps_of<Dispatch>(plan_of(observed, at(600)))[0].body["activeDeadlineSeconds"], 3000);
}

TEST(VideoJob, StopsAnAttemptThatIsNotItsOwnAnyMore) {
  Observed observed = running();
  observed.pods.push_back(ready_pod("pod-b"));
  observed.runtimes.push_back(ready_view("pod-b"));
  observed.runtimes[1].jobs = {job_state(observed.job, "Running", 1)};
  const auto cancels = steps_of<CancelOnPod>(plan_of(observed));
  ASSERT_THAT(cancels, SizeIs(1));
  EXPECT_EQ(cancels[0].pod_uid, "pod-b-uid");
}

TEST(VideoJob, IsStoppedWhenItIsDeleted) {
  Observed observed = running();
  observed.job.metadata.deleted = kNow;
  const auto acts = acts_of(plan_of(observed));
  ASSERT_THAT(acts, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<CancelOnPod>(acts[0]));
}

TEST(VideoJob, AcknowledgesAChangeAfterItsEnd) {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  carry_out(plan_of(observed), observed);
  observed.job.metadata.generation = 2;
  observed.job.spec.cancel = true;
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Succeeded");
  EXPECT_EQ(kstatus(status, 2), "Current");
}

}  // namespace
}  // namespace wan::reconcile::video_job
