// What Git tools make of a VideoJob in each of its states: never Current before it is as its spec asks, never
// Failed while it may still get there.

#include "builders.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;

api::VideoJobStatus planned(Observed& observed, int seconds = 0) {
  carry_out(plan_without_answer(observed, at(seconds)), observed);
  return observed.job.status;
}

Observed assigned() {
  Observed observed = served();
  planned(observed);
  return observed;
}

Observed running() {
  Observed observed = assigned();
  observed.runtimes[0].jobs[0].phase = "Running";
  planned(observed);
  return observed;
}

struct Case {
  const char* state;
  Observed observed;
  const char* phase;
  const char* reason;
  const char* kstatus;
  int seconds = 0;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&all](const char* state, Observed observed, const char* phase, const char* reason,
                          const char* computed, int seconds = 0) {
    all.push_back({state, std::move(observed), phase, reason, computed, seconds});
  };
  Observed o = served();
  o.deployment.reset();
  add("no deployment", o, "Pending", "DeploymentNotFound", "InProgress");
  add("no deployment until the deadline", o, "Failed", "QueueDeadlineExceeded", "Failed", 86400);
  o = oneshot();
  o.model.reset();
  add("no model", o, "Pending", "ModelNotFound", "InProgress");
  add("no model until the deadline", o, "Failed", "QueueDeadlineExceeded", "Failed", 86400);
  o = oneshot();
  o.job.spec.model->profile = "tpu";
  add("no such profile", o, "Pending", "ProfileNotFound", "Failed");
  o = served();
  o.deployment->spec.artifacts.reset();
  add("no store", o, "Pending", "NoArtifactStore", "Failed");
  o = served();
  o.artifacts.deployment.reset();
  add("no artifact server", o, "Queued", "WaitingForArtifactServer", "InProgress");
  o = served();
  o.turn = {};
  add("no ready replica", o, "Queued", "WaitingForDeployment", "InProgress");
  o.turn.replica_ready = true;
  add("in line", o, "Queued", "WaitingForReplica", "InProgress");
  add("at its turn", served(), "Queued", "Assigned", "InProgress");
  add("handed over", assigned(), "Queued", "Assigned", "InProgress");
  add("running", running(), "Running", "Generating", "InProgress");
  o = running();
  o.runtimes[0].jobs[0] = succeeded(o.job);
  add("done", o, "Succeeded", "Completed", "Current");
  o = running();
  o.runtimes[0].jobs[0] = failed(o.job, false);
  add("failed for good", o, "Failed", "GenerationFailed", "Failed");
  o.runtimes[0].jobs[0] = failed(o.job, true);
  add("failed, to be tried again", o, "Queued", "Retrying", "InProgress");
  o.job.spec.backoff_limit = 0;
  add("failed once too often", o, "Failed", "BackoffLimitExceeded", "Failed");
  add("too late", running(), "Failed", "DeadlineExceeded", "Failed", 3600);
  o = running();
  o.job.spec.cancel = true;
  add("being cancelled", o, "Running", "Cancelling", "InProgress");
  o.runtimes[0].jobs[0].phase = "Cancelled";
  add("cancelled", o, "Cancelled", "Cancelled", "Current");
  o = running();
  o.job.spec.suspend = true;
  add("being suspended", o, "Running", "Suspending", "InProgress");
  o.runtimes[0].jobs[0].phase = "Cancelled";
  add("suspended", o, "Suspended", "Suspended", "Current");
  planned(o);
  o.job.spec.suspend = false;
  o.turn = {.replica_ready = true};
  add("resumed", o, "Queued", "WaitingForReplica", "InProgress");
  o = oneshot();
  planned(o);
  add("its pod is being made", o, "Queued", "StartingJob", "InProgress");
  return all;
}

TEST(VideoJobKstatus, IsRightInEveryState) {
  for (Case& c : cases()) {
    SCOPED_TRACE(c.state);
    const auto status = planned(c.observed, c.seconds);
    EXPECT_EQ(status.phase, c.phase);
    EXPECT_EQ(reason_of(status.conditions), c.reason);
    EXPECT_EQ(kstatus(status, 1), c.kstatus);
    EXPECT_EQ(kstatus(status, 2), "InProgress") << "after an edit that has not been looked at";
    EXPECT_FALSE(is_true(status.conditions, "Reconciling") && is_true(status.conditions, "Stalled"));
    const bool done = status.phase == "Succeeded";
    EXPECT_EQ(is_true(status.conditions, "Succeeded"), done);
    for (const api::Condition& condition : status.conditions) {
      EXPECT_EQ(condition.observed_generation, 1) << condition.type;
      EXPECT_NE(condition.reason, "") << condition.type;
    }
  }
}

TEST(VideoJobKstatus, IsInProgressBeforeTheOperatorFirstLooked) {
  EXPECT_EQ(kstatus(api::VideoJobStatus{}, 1), "InProgress") << "the schema's default is -1";
}

}  // namespace
}  // namespace wan::reconcile::video_job
