#include "builders.h"
#include "operator/reconcile/video_job/plan.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Plan plan_of(const Observed& observed, WallTime now = kNow) { return plan_without_answer(observed, now); }

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

// Of namespace films, at the deployment of namespace studio.
Observed guest() {
  Observed observed = served();
  observed.job.spec.deployment_ref->namespace_ = "studio";
  observed.job.spec.output = api::Output{api::OutputClaim{"videos", ""}};
  observed.deployment->metadata.namespace_ = "studio";
  return observed;
}

TEST(VideoJob, IsServedByADeploymentOfAnotherNamespaceOnlyWhereThatAdmitsIt) {
  Observed observed = guest();
  const auto refused = after(observed);
  EXPECT_EQ(refused.phase, "Pending");
  EXPECT_EQ(reason_of(refused.conditions), "RefNotPermitted");
  EXPECT_EQ(kstatus(refused, 1), "InProgress");
  observed.deployment->spec.allowed_namespaces =
      api::AllowedNamespaces{.from = "Selector", .selector = api::NamespaceSelector{{{"team", "film"}}}};
  EXPECT_EQ(reason_of(after(observed).conditions), "RefNotPermitted");
  observed.namespace_labels = {{"team", "film"}};
  EXPECT_EQ(reason_of(after(observed).conditions), "Assigned");
}

TEST(VideoJob, OfAnotherNamespaceLearnsNothingOfWhatItMayNotUse) {
  Observed observed = guest();
  const auto refused = after(observed);
  observed.deployment.reset();
  EXPECT_EQ(message_of(after(observed).conditions), message_of(refused.conditions));
}

TEST(VideoJob, OfAnotherNamespaceHoldsUpNobodyWhileItIsRefused) {
  Observed observed = guest();
  observed.job.status = after(observed);
  EXPECT_FALSE(stands_in_line(observed.job));
}

TEST(VideoJob, NeverUsesAClaimOfAnotherNamespace) {
  Observed observed = guest();
  observed.job.spec.output.reset();
  observed.deployment->spec.allowed_namespaces = api::AllowedNamespaces{.from = "All"};
  EXPECT_EQ(reason_of(after(observed).conditions), "NoArtifactStore");
}

TEST(VideoJob, SaysWhyItsDeploymentIsNotReady) {
  Observed observed = served();
  observed.turn = {};
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
  EXPECT_THAT(message_of(status.conditions),
              HasSubstr("set spec.artifacts (pvc or s3) of WanDeployment tiny"));
  observed.job.status = status;
  observed.deployment = make_wan_deployment();
  EXPECT_EQ(reason_of(after(observed).conditions), "Assigned") << "the deployment has been given a store";
}

TEST(VideoJob, SaysThatAQuotaKeepsItsArtifactServerFromStarting) {
  Observed observed = served();
  observed.artifacts.deployment->ready_replicas = 0;
  observed.artifacts.deployment->conditions = {
      {"ReplicaFailure", "True", "FailedCreate", "pods \"x\" is forbidden: exceeded quota: small"}};
  const auto status = after(observed);
  EXPECT_EQ(reason_of(status.conditions), "WaitingForArtifactServer");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("exceeded quota: small"));
}

TEST(VideoJob, WaitsForItsArtifactServerAndSaysWhatIsInTheWay) {
  Observed observed = served();
  observed.artifacts.deployment->ready_replicas = 0;
  api::Pod server = ready_pod("server");
  server.ready = false;
  server.phase = "Pending";
  server.containers.clear();
  server.unschedulable = "persistentvolumeclaim \"videos\" not found";
  observed.artifacts.pods = {server};
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

TEST(VideoJob, WaitsForItsTurnAndSaysItsPlaceInLine) {
  struct Case {
    size_t before;
    std::optional<int64_t> seconds;
    const char* said;
  };
  for (const Case& c : std::vector<Case>{{0, {}, "it is next in line"},
                                         {1, {}, "1 job goes first"},
                                         {3, 7, "3 jobs go first, about 7 s to wait"},
                                         {64, 200, "up to 64 jobs go first, about 3 min to wait"},
                                         {64, 40000, "up to 64 jobs go first, about 10 h to wait"}}) {
    Observed observed = served();
    observed.turn = {.before = c.before, .seconds = c.seconds, .replica_ready = true};
    const auto status = after(observed);
    EXPECT_FALSE(status.assignment);
    EXPECT_EQ(status.phase, "Queued");
    EXPECT_EQ(reason_of(status.conditions), "WaitingForReplica");
    EXPECT_THAT(message_of(status.conditions), HasSubstr(c.said));
    EXPECT_EQ(kstatus(status, 1), "InProgress");
  }
}

TEST(VideoJob, LooksForItsPictureBeforeItTakesAPodAndSaysWhatIsWrongWithIt) {
  for (const bool own_pod : {false, true}) {
    Observed observed = own_pod ? oneshot() : served();
    observed.job.spec.image.emplace().config_map = api::ImageConfigMap{"pictures", "ball.png"};
    const Plan looking = plan_of(observed);
    const auto looks = steps_of<FindImage>(looking);
    ASSERT_THAT(looks, SizeIs(1));
    EXPECT_THAT(acts_of(looking), SizeIs(1)) << "nothing is written for it";
    const auto& image = std::get<ImageRef>(looks[0].image);
    EXPECT_EQ(image, (ImageRef{observed.job.metadata.namespace_, "pictures", "ball.png"}));

    observed.image = ImageFinding{"ConfigMap pictures does not exist", kNow, "ImageNotFound"};
    carry_out(plan_of(observed, at(1)), observed);
    EXPECT_EQ(reason_of(observed.job.status.conditions), "ImageNotFound");
    EXPECT_EQ(message_of(observed.job.status.conditions), "ConfigMap pictures does not exist");
    EXPECT_FALSE(stands_in_line(observed.job));
    EXPECT_EQ(plan_of(observed, at(1)).requeue_after, std::chrono::seconds(4));
    EXPECT_THAT(steps_of<FindImage>(plan_of(observed, at(5))), SizeIs(1));

    observed.image = ImageFinding{"", at(5)};
    carry_out(plan_of(observed, at(5)), observed);
    EXPECT_NE(reason_of(observed.job.status.conditions), "ImageNotFound");
    EXPECT_TRUE(own_pod ? !observed.runs.empty() : bool(observed.job.status.assignment));
  }
}

TEST(VideoJob, GivesItsPictureToThePod) {
  Observed observed = served();
  observed.job.spec.image.emplace().config_map = api::ImageConfigMap{"pictures", "ball.png"};
  observed.image = ImageFinding{"", kNow};
  const auto asked = steps_of<Resolve>(video_job::plan(observed, settings(), kNow));
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(std::get<ImageRef>(*asked[0].image).key, "ball.png");
  const auto given = steps_of<Dispatch>(plan_of(observed));
  ASSERT_THAT(given, SizeIs(1));
  EXPECT_EQ(std::get<ImageRef>(*given[0].image).config_map, "pictures");
}

TEST(VideoJob, DoesNotTakeAPodThatHasGoneSinceItWasOffered) {
  Observed observed = served();
  observed.pods.clear();
  observed.runtimes.clear();
  EXPECT_FALSE(after(observed).assignment);
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
  observed.last_status_write = kNow;

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

TEST(VideoJob, TriesAgainAfterLongerAndLongerPausesUpToItsBackoffLimit) {
  Observed observed = running();
  observed.job.spec.backoff_limit = 2;
  int now = 0;
  for (int attempt = 1; attempt <= 2; ++attempt) {
    EXPECT_EQ(observed.job.status.attempts, attempt);
    observed.runtimes[0].jobs[0] = failed(observed.job, true, attempt);
    carry_out(plan_of(observed, at(now)), observed);
    EXPECT_EQ(observed.job.status.failures, attempt);
    EXPECT_FALSE(observed.job.status.assignment);
    EXPECT_EQ(reason_of(observed.job.status.conditions), "Retrying");
    const int pause = attempt == 1 ? 10 : 20;
    EXPECT_EQ(observed.job.status.retry_time, at(now + pause));
    EXPECT_THAT(message_of(observed.job.status.conditions),
                HasSubstr("trying again after " + std::to_string(pause) + " s"));
    expect_settled(observed, at(now + pause - 1));
    EXPECT_EQ(plan_of(observed, at(now + 1)).requeue_after, std::chrono::seconds(pause - 1));
    now += pause;
    carry_out(plan_of(observed, at(now)), observed);
    EXPECT_EQ(observed.job.status.assignment->attempt, attempt + 1);
    EXPECT_FALSE(observed.job.status.retry_time);
  }
  observed.runtimes[0].jobs[0] = failed(observed.job, true, 3);
  carry_out(plan_of(observed, at(now)), observed);
  EXPECT_EQ(observed.job.status.phase, "Failed");
  EXPECT_EQ(reason_of(observed.job.status.conditions), "BackoffLimitExceeded");
  EXPECT_THAT(message_of(observed.job.status.conditions), HasSubstr("no memory for 81 frames"));
  expect_settled(observed, at(now));
}

TEST(VideoJob, PausesNoLongerThanFiveMinutes) {
  Observed observed = running();
  observed.job.spec.backoff_limit = 100;
  observed.job.status.failures = 40;
  observed.runtimes[0].jobs[0] = failed(observed.job, true);
  EXPECT_EQ(after(observed).retry_time, at(300));
}

TEST(VideoJob, AcknowledgesAChangeWhileItPauses) {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = failed(observed.job, true);
  carry_out(plan_of(observed), observed);
  const std::string said = message_of(observed.job.status.conditions);
  observed.job.metadata.generation = 2;
  const auto status = after(observed, at(1));
  EXPECT_EQ(status.observed_generation, 2);
  EXPECT_EQ(find_condition(status.conditions, "Reconciling")->observed_generation, 2);
  EXPECT_EQ(message_of(status.conditions), said);
}

TEST(VideoJob, LeavesAPodThatHadToEndWithoutAFailure) {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = failed(observed.job, true);
  observed.runtimes[0].jobs[0].error->reason = "PodDraining";
  observed.turn.pod_uid.clear();
  const auto status = after(observed);
  EXPECT_EQ(status.failures, 0);
  EXPECT_FALSE(status.assignment);
  EXPECT_FALSE(status.retry_time);
}

TEST(VideoJob, GoesToAnotherPodWhenItsPodIsGone) {
  Observed observed = running();
  observed.pods.clear();
  observed.runtimes.clear();
  offer(observed, "pod-b");
  const Plan ended = plan_of(observed);
  EXPECT_EQ(steps_of<EmitEvent>(ended)[0].reason, "Retrying");
  carry_out(ended, observed);
  EXPECT_FALSE(observed.job.status.assignment);
  const Plan plan = plan_of(observed);
  const auto status = status_after(plan, observed.job);
  ASSERT_TRUE(status.assignment);
  EXPECT_EQ(status.assignment->pod_name, "pod-b");
  EXPECT_EQ(status.assignment->attempt, 2);
  EXPECT_EQ(status.failures, 0) << "losing a pod is not the job's failure";
  EXPECT_EQ(status.start_time, kNow) << "the deadline goes on from the first assignment";
  ASSERT_THAT(steps_of<Dispatch>(plan), SizeIs(1));
}

TEST(VideoJob, IsNotGivenToASecondPodWhileTheFirstIsOnlyOutOfReach) {
  Observed observed = running();
  observed.runtimes[0].reachable = false;
  offer(observed, "pod-b");
  expect_settled(observed, at(600));
}

TEST(VideoJob, StaysWithAPodThatDrains) {
  Observed observed = running();
  observed.pods[0].metadata.deleted = kNow;
  observed.pods[0].ready = false;
  observed.runtimes[0].phase = "Draining";
  observed.turn = {};
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
  EXPECT_EQ(status.retry_time, at(30));
  EXPECT_THAT(steps_of<EmitEvent>(plan)[0].note, HasSubstr("exit code 137 (OOMKilled)"));
}

TEST(VideoJob, CountsARuntimeThatCrashedAndDoesNotComeBack) {
  Observed observed = running();
  observed.runtimes.clear();
  observed.pods[0].containers[1].running = false;
  observed.pods[0].containers[1].waiting_reason = "CrashLoopBackOff";
  observed.pods[0].containers[1].last_terminated =
      api::Terminated{.exit_code = 137, .reason = "OOMKilled", .finished_at = at(5)};
  EXPECT_EQ(after(observed, at(20)).failures, 1);
}

TEST(VideoJob, GivesUpAPodThatHasNotAnsweredForTooLong) {
  Observed observed = running();
  observed.runtimes[0].reachable = false;
  observed.unreachable_since = at(100);
  expect_settled(observed, at(699));
  EXPECT_EQ(plan_of(observed, at(600)).requeue_after, std::chrono::seconds(100));
  offer(observed, "pod-b");
  const Plan given_up = plan_of(observed, at(700));
  EXPECT_THAT(steps_of<EmitEvent>(given_up)[0].note, HasSubstr("has not answered for 600 s"));
  carry_out(given_up, observed);
  carry_out(plan_of(observed, at(700)), observed);
  const auto& status = observed.job.status;
  ASSERT_TRUE(status.assignment);
  EXPECT_EQ(status.assignment->pod_name, "pod-b");
  EXPECT_EQ(status.assignment->attempt, 2);
  EXPECT_EQ(status.failures, 0);
  observed.unreachable_since.reset();
  observed.runtimes[0].reachable = true;
  const auto cancels = steps_of<CancelOnPod>(plan_of(observed, at(800)));
  ASSERT_THAT(cancels, SizeIs(1)) << "it has come back with an attempt that is not wanted any more";
  EXPECT_EQ(cancels[0].pod_uid, "pod-a-uid");
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

TEST(VideoJob, IsCancelledWhenItsPodWasEvictedAndIsStillListed) {
  Observed observed = assigned("Running");
  observed.job.spec.cancel = true;
  observed.runtimes.clear();
  observed.pods[0].phase = "Failed";
  observed.pods[0].reason = "Evicted";
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
  observed.pods.clear();
  observed.runtimes.clear();
  offer(observed, "pod-b");
  carry_out(plan_of(observed, at(600)), observed);
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

TEST(VideoJob, IsSuspendedAtOnceWhileItWaits) {
  Observed observed = served();
  observed.job.spec.suspend = true;
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Dispatch>(plan), IsEmpty());
  observed.job.status = status_after(plan, observed.job);
  EXPECT_EQ(observed.job.status.phase, "Suspended");
  EXPECT_TRUE(is_true(observed.job.status.conditions, "Suspended"));
  EXPECT_EQ(find_condition(observed.job.status.conditions, "Succeeded")->status, "Unknown");
  EXPECT_EQ(kstatus(observed.job.status, 1), "Current") << "it is as its spec asks";
  expect_settled(observed, at(100000));
}

TEST(VideoJob, IsSuspendedOnceItsPodHasStoppedAndStartsAnewAfterwards) {
  Observed observed = running();
  observed.job.spec.suspend = true;
  const Plan plan = plan_of(observed, at(10));
  ASSERT_THAT(steps_of<CancelOnPod>(plan), SizeIs(1));
  observed.job.status = status_after(plan, observed.job);
  EXPECT_EQ(reason_of(observed.job.status.conditions), "Suspending");
  EXPECT_EQ(kstatus(observed.job.status, 1), "InProgress");
  observed.runtimes[0].jobs[0].phase = "Cancelled";
  carry_out(plan_of(observed, at(20)), observed);
  EXPECT_EQ(observed.job.status.phase, "Suspended");
  EXPECT_FALSE(observed.job.status.assignment);
  EXPECT_EQ(observed.job.status.failures, 0);

  observed.job.spec.suspend = false;
  observed.job.metadata.generation = 2;
  carry_out(plan_of(observed, at(5020)), observed);
  EXPECT_EQ(observed.job.status.assignment->attempt, 2);
  EXPECT_EQ(observed.job.status.suspended_seconds, 5000);
  EXPECT_FALSE(find_condition(observed.job.status.conditions, "Suspended"));
  EXPECT_EQ(kstatus(observed.job.status, 2), "InProgress");
  EXPECT_EQ(steps_of<Dispatch>(plan_of(served()))[0].body["activeDeadlineSeconds"], 3600);
}

TEST(VideoJob, DoesNotCountSuspendedTimeForItsDeadlines) {
  Observed observed = running();
  observed.job.spec.suspend = true;
  observed.runtimes[0].jobs[0].phase = "Cancelled";
  carry_out(plan_of(observed, at(600)), observed);
  expect_settled(observed, at(100000));
  observed.job.spec.suspend = false;
  const Plan plan = plan_of(observed, at(100600));
  EXPECT_EQ(status_after(plan, observed.job).phase, "Queued");
  EXPECT_EQ(plan.requeue_after, std::chrono::seconds(3000)) << "600 s of 3600 s were used";
  EXPECT_EQ(steps_of<Dispatch>(plan)[0].body["activeDeadlineSeconds"], 3000);

  Observed waiting = served();
  waiting.job.spec.suspend = true;
  carry_out(plan_of(waiting), waiting);
  waiting.job.spec.suspend = false;
  EXPECT_EQ(after(waiting, at(200000)).phase, "Queued") << "longer than spec.queueDeadlineSeconds";
}

TEST(VideoJob, CanBeCancelledWhileItIsSuspended) {
  Observed observed = served();
  observed.job.spec.suspend = true;
  carry_out(plan_of(observed), observed);
  observed.job.spec.cancel = true;
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Cancelled");
  EXPECT_FALSE(find_condition(status.conditions, "Suspended"));
}

TEST(VideoJob, StillFailsWhenItFailedBeforeItCouldBeSuspended) {
  Observed observed = running();
  observed.job.spec.suspend = true;
  observed.runtimes[0].jobs[0] = failed(observed.job, false);
  EXPECT_EQ(after(observed).phase, "Failed");
  observed.runtimes[0].jobs[0] = failed(observed.job, true);
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Suspended");
  EXPECT_EQ(status.failures, 1);
}

Observed ended() {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  carry_out(plan_of(observed), observed);
  return observed;
}

TEST(VideoJob, IsDeletedAtItsTimeToLiveAndNeverWithoutOne) {
  Observed observed = ended();
  expect_settled(observed, at(10000000));
  observed.job.spec.ttl_seconds_after_finished = 3600;
  EXPECT_THAT(acts_of(plan_of(observed, at(3599))), IsEmpty());
  EXPECT_EQ(plan_of(observed, at(3000)).requeue_after, std::chrono::seconds(600));
  const auto deletes = steps_of<Delete>(plan_of(observed, at(3600)));
  ASSERT_THAT(deletes, SizeIs(1));
  EXPECT_EQ(deletes[0].ref.kind, "VideoJob");
  EXPECT_EQ(deletes[0].ref.uid, "red-ball-uid");
}

TEST(VideoJob, IsNotDeletedWhileItGoesOn) {
  Observed observed = running();
  observed.job.spec.ttl_seconds_after_finished = 0;
  EXPECT_THAT(steps_of<Delete>(plan_of(observed, at(100))), IsEmpty());
}

TEST(VideoJob, IsLeftToTheGitOpsToolThatOwnsItWithAWarning) {
  Observed observed = running();
  observed.job.spec.ttl_seconds_after_finished = 60;
  observed.job.metadata.gitops = "Argo CD";
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  const Plan plan = plan_of(observed);
  const auto events = steps_of<EmitEvent>(plan);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].type, "Warning");
  EXPECT_EQ(events[0].reason, "TTLIgnored");
  EXPECT_THAT(events[0].note, HasSubstr("Argo CD"));
  observed.job.status = status_after(plan, observed.job);
  const Plan later = plan_of(observed, at(100000));
  EXPECT_THAT(later.steps, IsEmpty()) << "said once";
  EXPECT_FALSE(later.requeue_after);
  observed.job.metadata.generation = 2;
  EXPECT_EQ(steps_of<EmitEvent>(plan_of(observed))[0].reason, "TTLIgnored") << "said again after an edit";
}

TEST(VideoJob, TakesItsVideoAwayWhenThatHasBeenKeptLongEnough) {
  Observed observed = ended();
  observed.job.spec.retention = api::Retention{.artifact_seconds = 100};
  EXPECT_THAT(acts_of(plan_of(observed, at(99))), IsEmpty());
  EXPECT_EQ(plan_of(observed, at(40)).requeue_after, std::chrono::seconds(60));
  const auto acts = acts_of(plan_of(observed, at(100)));
  ASSERT_THAT(acts, SizeIs(2));
  const auto& step = std::get<DeleteArtifact>(acts[0]);
  EXPECT_EQ(step.url, "http://10.96.0.9:8080/v1/artifacts/red-ball.mp4");
  EXPECT_EQ(step.audience, "artifacts/films/videos");
  EXPECT_EQ(step.sha256, "sha256:" + std::string(64, 'b'));
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(acts[1])) << "said only once it is true";
  carry_out(plan_of(observed, at(100)), observed);
  EXPECT_EQ(observed.job.status.artifact_deletion_time, at(100));
  EXPECT_EQ(observed.job.status.phase, "Succeeded");
  EXPECT_EQ(kstatus(observed.job.status, 1), "Current");
  expect_settled(observed, at(100000));
}

TEST(VideoJob, KeepsItsVideoUntilTheArtifactServerCanBeAsked) {
  Observed observed = ended();
  observed.job.spec.retention = api::Retention{.artifact_seconds = 0};
  observed.artifacts.service.reset();
  expect_settled(observed, at(100));
}

TEST(VideoJob, CarriesAFinalizerOnlyWhileItsVideoGoesWithIt) {
  Observed observed = served();
  observed.job.spec.retention = api::Retention{.on_delete = "Delete"};
  const auto acts = acts_of(plan_of(observed));
  ASSERT_THAT(acts, SizeIs(1)) << "before anything else, and alone";
  EXPECT_TRUE(std::get<SetFinalizer>(acts[0]).present);
  observed.job.metadata.finalizers = {"wan.gallery/artifact"};
  EXPECT_TRUE(after(observed).assignment);
  observed.job.spec.retention->on_delete = "Keep";
  const auto back = acts_of(plan_of(observed));
  ASSERT_THAT(back, SizeIs(1));
  EXPECT_FALSE(std::get<SetFinalizer>(back[0]).present);
}

TEST(VideoJob, TakesItsVideoAlongWhenItIsDeleted) {
  Observed observed = ended();
  observed.job.metadata.finalizers = {"wan.gallery/artifact"};
  observed.job.metadata.deleted = at(50);
  const auto acts = acts_of(plan_of(observed, at(51)));
  ASSERT_THAT(acts, SizeIs(2));
  EXPECT_TRUE(std::holds_alternative<DeleteArtifact>(acts[0]));
  EXPECT_FALSE(std::get<SetFinalizer>(acts[1]).present);
}

TEST(VideoJob, IsDeletedWithoutItsVideoAfterTenMinutesAndSaysSo) {
  Observed observed = ended();
  observed.job.metadata.finalizers = {"wan.gallery/artifact"};
  observed.job.metadata.deleted = at(50);
  observed.artifacts.service.reset();
  EXPECT_THAT(plan_of(observed, at(51)).steps, IsEmpty());
  EXPECT_EQ(plan_of(observed, at(50)).requeue_after, std::chrono::seconds(600));
  const Plan plan = plan_of(observed, at(650));
  ASSERT_THAT(acts_of(plan), SizeIs(1));
  EXPECT_FALSE(std::get<SetFinalizer>(acts_of(plan)[0]).present);
  EXPECT_EQ(steps_of<EmitEvent>(plan)[0].reason, "ArtifactLeft");
  EXPECT_EQ(steps_of<EmitEvent>(plan)[0].type, "Warning");
}

TEST(VideoJob, IsStoppedBeforeItIsDeletedWithItsVideo) {
  Observed observed = running();
  observed.job.metadata.finalizers = {"wan.gallery/artifact"};
  observed.job.metadata.deleted = at(50);
  auto acts = acts_of(plan_of(observed, at(51)));
  ASSERT_THAT(acts, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<CancelOnPod>(acts[0]));
  observed.runtimes[0].jobs[0].phase = "Cancelled";
  acts = acts_of(plan_of(observed, at(52)));
  ASSERT_THAT(acts, SizeIs(1)) << "there is no video";
  EXPECT_TRUE(std::holds_alternative<SetFinalizer>(acts[0]));
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  EXPECT_THAT(steps_of<DeleteArtifact>(plan_of(observed, at(52))), SizeIs(1))
      << "it was done before it stopped";
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
