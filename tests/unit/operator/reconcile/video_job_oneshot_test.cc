#include "builders.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kRun = "green-square-run-1";

Plan plan_of(const Observed& observed, WallTime now = kNow) { return plan_without_answer(observed, now); }

api::VideoJobStatus after(const Observed& observed, WallTime now = kNow) {
  return status_after(plan_of(observed, now), observed.job);
}

Observed started() {
  Observed observed = oneshot();
  carry_out(plan_of(observed), observed);
  return observed;
}

api::Pod pod_of_run(const std::string& run) {
  api::Pod pod = ready_pod(run + "-pod", "green-square-uid");
  pod.metadata.controller = api::OwnerRef{"batch/v1", "Job", run, run + "-uid"};
  return pod;
}

Observed running() {
  Observed observed = started();
  observed.pods = {pod_of_run(kRun)};
  observed.runtimes = {ready_view(observed.pods[0].metadata.name)};
  carry_out(plan_of(observed), observed);
  observed.runtimes[0].jobs[0].phase = "Running";
  carry_out(plan_of(observed), observed);
  return observed;
}

void fail_run(Observed& observed, const std::string& termination_message) {
  observed.runtimes.clear();
  api::Pod& pod = observed.pods[0];
  pod.phase = "Failed";
  pod.ready = false;
  pod.containers[1] = {
      .name = "runtime",
      .terminated = api::Terminated{.exit_code = 1, .reason = "Error", .message = termination_message}};
  observed.runs.back().active = 0;
  observed.runs.back().conditions = {
      {"Failed", "True", "BackoffLimitExceeded", "Job has reached the backoff limit"}};
}

TEST(OneShotJob, MakesItsBatchJobAndThenRecordsTheAttempt) {
  const auto acts = acts_of(plan_of(oneshot()));
  ASSERT_THAT(acts, SizeIs(2));
  EXPECT_EQ(std::get<WriteStatus>(acts[1]).status["attempts"], 1);
  const Json& object = std::get<Create>(acts[0]).object;
  EXPECT_EQ(object["kind"], "Job");
  EXPECT_EQ(object["metadata"]["name"], kRun);
  EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "green-square-uid");
  EXPECT_EQ(object["spec"]["backoffLimit"], 0);
  EXPECT_EQ(object["spec"]["podReplacementPolicy"], "Failed");
  const Json& rule = object["spec"]["podFailurePolicy"]["rules"][0];
  EXPECT_EQ(rule["action"], "Ignore");
  EXPECT_EQ(rule["onPodConditions"][0]["type"], "DisruptionTarget");
  EXPECT_EQ(object["spec"]["template"]["spec"]["restartPolicy"], "Never");
  EXPECT_EQ(object["spec"]["template"]["metadata"]["labels"][api::kLabelOwnerUid], "green-square-uid");
  EXPECT_EQ(object["spec"]["template"]["spec"]["containers"][0]["command"][1], "job");
}

TEST(OneShotJob, IsSettledWhileItsPodIsMade) { EXPECT_THAT(acts_of(plan_of(started())), IsEmpty()); }

TEST(OneShotJob, FindsItsBatchJobAfterACrashBetweenTheTwoWrites) {
  Observed observed = started();
  observed.job.status = {};
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Create>(plan), IsEmpty());
  EXPECT_EQ(status_after(plan, observed.job).attempts, 1);
}

TEST(OneShotJob, MakesTheSameBatchJobAgainWhenItHasGone) {
  Observed observed = started();
  observed.runs.clear();
  const auto job = created(plan_of(observed), "Job");
  ASSERT_TRUE(job);
  EXPECT_EQ((*job)["metadata"]["name"], kRun);
}

TEST(OneShotJob, WaitsForAnUnknownModelAndRefusesAnUnknownProfile) {
  Observed observed = oneshot();
  observed.job.spec.model->profile = "tpu";
  auto status = after(observed);
  EXPECT_EQ(kstatus(status, 1), "Failed");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("no profile \"tpu\", it has: cpu, gpu"));
  observed.model.reset();
  status = after(observed);
  EXPECT_EQ(kstatus(status, 1), "InProgress");
  EXPECT_EQ(reason_of(status.conditions), "ModelNotFound");
}

TEST(OneShotJob, WaitsForItsArtifactServerBeforeItTakesANode) {
  Observed observed = oneshot();
  observed.artifacts.service->cluster_ip = "";
  EXPECT_THAT(steps_of<Create>(plan_of(observed)), IsEmpty());
  EXPECT_EQ(reason_of(after(observed).conditions), "WaitingForArtifactServer");
}

TEST(OneShotJob, SaysWhyItsPodCannotBeMade) {
  Observed observed = oneshot();
  carry_out(plan_of(observed), observed);
  observed.run_refusal = "pods \"green-square-run-1-x\" is forbidden: exceeded quota: small";
  const Plan plan = plan_of(observed);
  const auto status = status_after(plan, observed.job);
  EXPECT_EQ(reason_of(status.conditions), "ReplicaFailure");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("exceeded quota: small"));
  ASSERT_TRUE(plan.requeue_after) << "a refusal changes nothing that is watched";
  EXPECT_LE(plan.requeue_after->count(), 2000);
}

TEST(OneShotJob, TellsWhatItWaitsForOnceASecondAndItsAssignmentAtOnce) {
  Observed observed = started();
  observed.last_status_write = kNow;
  observed.pods = {pod_of_run(kRun)};
  observed.pods[0].ready = false;
  observed.pods[0].phase = "Pending";
  const auto half = kNow + std::chrono::milliseconds(500);
  EXPECT_THAT(acts_of(plan_of(observed, half)), IsEmpty());
  EXPECT_EQ(plan_of(observed, half).requeue_after, std::chrono::milliseconds(500));
  EXPECT_THAT(message_of(after(observed, at(1)).conditions), HasSubstr(kRun));
  observed.pods = {pod_of_run(kRun)};
  observed.runtimes = {ready_view(observed.pods[0].metadata.name)};
  EXPECT_TRUE(after(observed, half).assignment);
}

TEST(OneShotJob, SaysWhyItsPodDoesNotStart) {
  Observed observed = started();
  api::Pod pod = pod_of_run(kRun);
  pod.ready = false;
  pod.phase = "Pending";
  pod.containers.clear();
  pod.unschedulable = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu";
  observed.pods = {pod};
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Queued");
  EXPECT_EQ(reason_of(status.conditions), "Unschedulable");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("Insufficient nvidia.com/gpu"));
}

TEST(OneShotJob, IsDispatchedToItsPodOnceThatIsReady) {
  Observed observed = started();
  observed.pods = {pod_of_run(kRun)};
  observed.runtimes = {ready_view(observed.pods[0].metadata.name)};
  const Plan plan = plan_of(observed);
  EXPECT_EQ(status_after(plan, observed.job).assignment->attempt, 1);
  ASSERT_THAT(steps_of<Dispatch>(plan), SizeIs(1));
  EXPECT_EQ(steps_of<Dispatch>(plan)[0].artifact_audience, "artifacts/films/videos");
}

TEST(OneShotJob, SucceedsByWhatItsPodLeftBehind) {
  Observed observed = running();
  observed.runtimes.clear();
  observed.pods[0].phase = "Succeeded";
  observed.pods[0].containers[1] = {
      .name = "runtime",
      .terminated = api::Terminated{
          .exit_code = 0,
          .message = R"({"uid":"green-square-uid","attempt":1,"phase":"Succeeded","result":{"bytes":77}})"}};
  observed.runs[0].conditions = {{"Complete", "True", "", ""}};
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Succeeded");
  EXPECT_EQ(status.result->bytes, 77);
}

TEST(OneShotJob, TakesTheNextBatchJobAfterAPauseWhenAFailureMayPass) {
  Observed observed = running();
  fail_run(observed, R"({"uid":"green-square-uid","attempt":1,"phase":"Failed",)"
                     R"("error":{"reason":"UploadFailed","message":"no route","retryable":true}})");
  carry_out(plan_of(observed), observed);
  EXPECT_EQ(observed.job.status.attempts, 2);
  EXPECT_EQ(observed.job.status.failures, 1);
  EXPECT_FALSE(observed.job.status.assignment);
  EXPECT_THAT(acts_of(plan_of(observed, at(9))), IsEmpty());
  const Plan plan = plan_of(observed, at(10));
  ASSERT_TRUE(created(plan, "Job"));
  EXPECT_EQ((*created(plan, "Job"))["metadata"]["name"], "green-square-run-2");
  carry_out(plan, observed);
  EXPECT_THAT(acts_of(plan_of(observed, at(10))), IsEmpty()) << "the first Job's failure is counted once";
}

TEST(OneShotJob, GoesOnInTheNextPodOfItsBatchJobAfterADisruption) {
  Observed observed = running();
  observed.runtimes.clear();
  observed.pods[0].phase = "Failed";
  observed.pods[0].ready = false;
  observed.pods[0].containers[1] = {.name = "runtime", .terminated = api::Terminated{.exit_code = 137}};
  EXPECT_THAT(acts_of(plan_of(observed)), IsEmpty()) << "its Job will say whether that was a failure";
  api::Pod next = pod_of_run(kRun);
  next.metadata.name = "second";
  next.metadata.uid = "second-uid";
  observed.pods.push_back(next);
  observed.runtimes = {ready_view("second")};
  carry_out(plan_of(observed), observed);
  EXPECT_FALSE(observed.job.status.assignment);
  const Plan plan = plan_of(observed);
  const auto status = status_after(plan, observed.job);
  ASSERT_TRUE(status.assignment);
  EXPECT_EQ(status.assignment->pod_name, "second");
  EXPECT_EQ(status.attempts, 1) << "the same attempt";
  EXPECT_EQ(status.failures, 0);
}

TEST(OneShotJob, StartsAnewWhenItsPodHasNotAnsweredForTooLong) {
  Observed observed = running();
  observed.runtimes[0].reachable = false;
  observed.unreachable_since = at(0);
  const Plan plan = plan_of(observed, at(600));
  EXPECT_EQ(steps_of<Delete>(plan)[0].ref.name, kRun) << "the pod that may still be there must not go on";
  EXPECT_EQ((*created(plan, "Job"))["metadata"]["name"], "green-square-run-2");
}

TEST(OneShotJob, TakesAnotherBatchJobAfterASuspension) {
  Observed observed = running();
  observed.job.spec.suspend = true;
  ASSERT_THAT(steps_of<CancelOnPod>(plan_of(observed)), SizeIs(1));
  fail_run(observed, R"({"uid":"green-square-uid","attempt":1,"phase":"Cancelled"})");
  carry_out(plan_of(observed), observed);
  EXPECT_EQ(observed.job.status.phase, "Suspended");
  EXPECT_THAT(acts_of(plan_of(observed, at(100))), IsEmpty());
  observed.job.spec.suspend = false;
  const Plan plan = plan_of(observed, at(200));
  EXPECT_EQ((*created(plan, "Job"))["metadata"]["name"], "green-square-run-2");
  EXPECT_EQ(status_after(plan, observed.job).failures, 0);
}

TEST(OneShotJob, KeepsItsPodsForAWhileAfterItsEnd) {
  Observed observed = running();
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  carry_out(plan_of(observed), observed);
  observed.runs[0].conditions = {{"Complete", "True", "", ""}};
  EXPECT_THAT(acts_of(plan_of(observed, at(599))), IsEmpty());
  EXPECT_EQ(plan_of(observed, at(500)).requeue_after, std::chrono::seconds(100));
  ASSERT_THAT(steps_of<Delete>(plan_of(observed, at(600))), SizeIs(1));
  EXPECT_EQ(steps_of<Delete>(plan_of(observed, at(600)))[0].ref.name, kRun);
  observed.job.spec.retention = api::Retention{.pod_seconds = 0};
  EXPECT_THAT(steps_of<Delete>(plan_of(observed)), SizeIs(1));
}

TEST(OneShotJob, CountsTheFailureOnceThoughTheNextBatchJobMustWait) {
  Observed observed = running();
  fail_run(observed, "");
  observed.model.reset();
  carry_out(plan_of(observed), observed);
  carry_out(plan_of(observed, at(10)), observed);
  EXPECT_EQ(reason_of(observed.job.status.conditions), "ModelNotFound");
  EXPECT_THAT(acts_of(plan_of(observed, at(10))), IsEmpty());
  EXPECT_EQ(observed.job.status.failures, 1);
}

TEST(OneShotJob, WaitsForThePodsLastWordWhenTheBatchJobFailedFirst) {
  Observed observed = running();
  observed.runs[0].conditions = {{"Failed", "True", "BackoffLimitExceeded", ""}};
  observed.runtimes[0].reachable = false;
  EXPECT_THAT(acts_of(plan_of(observed)), IsEmpty());
}

TEST(OneShotJob, CountsAPodWhoseWeightsCouldNotBeFetched) {
  Observed observed = started();
  observed.pods = {pod_of_run(kRun)};
  observed.pods[0].containers[0].terminated =
      api::Terminated{.exit_code = 1, .message = "blob sha256:ab: digest differs"};
  observed.pods[0].containers[1] = {.name = "runtime"};
  observed.pods[0].phase = "Failed";
  observed.pods[0].ready = false;
  observed.runs[0].conditions = {{"Failed", "True", "BackoffLimitExceeded", ""}};
  observed.job.spec.backoff_limit = 0;
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Failed");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("blob sha256:ab: digest differs"));
}

TEST(OneShotJob, FailsForGoodWhenTryingAgainCannotHelp) {
  Observed observed = running();
  fail_run(observed, R"({"uid":"green-square-uid","attempt":1,"phase":"Failed",)"
                     R"("error":{"reason":"Invalid","message":"spec.frames","retryable":false}})");
  const Plan plan = plan_of(observed);
  EXPECT_EQ(status_after(plan, observed.job).phase, "Failed");
  EXPECT_FALSE(created(plan, "Job"));
}

TEST(OneShotJob, IsCancelledByDeletingItsBatchJobBeforeThePodListens) {
  Observed observed = started();
  observed.job.spec.cancel = true;
  const Plan plan = plan_of(observed);
  const auto deletes = steps_of<Delete>(plan);
  ASSERT_THAT(deletes, SizeIs(1));
  EXPECT_EQ(deletes[0].ref.uid, std::string(kRun) + "-uid");
  EXPECT_EQ(reason_of(status_after(plan, observed.job).conditions), "Cancelling");
  observed.runs.clear();
  EXPECT_EQ(after(observed).phase, "Cancelled");
}

TEST(OneShotJob, IsCancelledThroughItsPodOnceThatListens) {
  Observed observed = running();
  observed.job.spec.cancel = true;
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<CancelOnPod>(plan), SizeIs(1));
  EXPECT_THAT(steps_of<Delete>(plan), IsEmpty());
}

TEST(OneShotJob, LeavesNothingRunningAfterItsDeadline) {
  Observed observed = running();
  const Plan plan = plan_of(observed, at(3600));
  EXPECT_EQ(status_after(plan, observed.job).phase, "Failed");
  EXPECT_THAT(steps_of<Delete>(plan), SizeIs(1));
  EXPECT_THAT(steps_of<CancelOnPod>(plan), SizeIs(1));
}

}  // namespace
}  // namespace wan::reconcile::video_job
