#include "operator/reconcile/wan_deployment/plan.h"

#include <algorithm>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/objects/guards.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/objects/served_model.h"
#include "operator/reconcile/wan_deployment/revisions.h"
#include "operator/reconcile/wan_deployment/roll.h"
#include "operator/reconcile/wan_deployment/status.h"
#include "operator/reconcile/wan_deployment/tokens.h"

namespace wan::reconcile::wan_deployment {
namespace {

namespace reason = api::reason;

constexpr std::chrono::seconds kConflictRetry{10};

// An object of a child's name that belongs to somebody else.
std::optional<api::Verdict> conflict(const Observed& observed) {
  std::optional<api::Verdict> verdict;
  const auto check = [&](const auto& live, const char* kind) {
    if (!live || verdict || live->metadata.controlled_by(observed.deployment.metadata.uid)) return;
    verdict = {reason::kNameConflict, std::string(kind) + " " + live->metadata.name +
                                          " exists and belongs to somebody else: delete it, or give the "
                                          "WanDeployment another name"};
  };
  check(observed.service, "Service");
  check(observed.account, "ServiceAccount");
  check(observed.policy, "NetworkPolicy");
  check(observed.budget, "PodDisruptionBudget");
  return verdict;
}

// Jobs that a pod works on although no VideoJob stands for them any more.
void cancel_orphans(const Observed& observed, Plan& plan) {
  for (const api::RuntimeView& view : observed.runtimes) {
    if (!view.reachable) continue;
    for (const api::JobState& job : view.jobs) {
      if (job.finished() || observed.video_job_uids.contains(job.uid)) continue;
      plan.steps.push_back(CancelOnPod{view.pod_uid, job.uid, job.attempt});
    }
  }
}

void make_companions(const Observed& observed, const Settings& settings, Plan& plan) {
  const api::WanDeployment& deployment = observed.deployment;
  apply_child(observed.account, runtime_account(deployment), plan);
  apply_child(observed.policy, runtime_network_policy(deployment, settings), plan);
  apply_child(observed.service, runtime_service(deployment), plan);
  apply_child(observed.budget, runtime_disruption_budget(deployment), plan);
}

// A word in the event log when the deployment has become ready or has got stuck.
void announce(const Observed& observed, const api::WanDeploymentStatus& status, Plan& plan) {
  const api::Condition* after = find_condition(status.conditions, api::kReady);
  const api::Condition* before = find_condition(observed.deployment.status.conditions, api::kReady);
  if (!after || (before && before->reason == after->reason)) return;
  const bool ready = after->status == "True";
  if (!ready && !is_true(status.conditions, api::kStalled)) return;
  plan.steps.push_back(EmitEvent{.regarding = ref_of(observed.deployment),
                                 .type = ready ? "Normal" : "Warning",
                                 .reason = after->reason,
                                 .action = "Reconcile",
                                 .note = after->message});
}

}  // namespace

Plan plan(const Observed& observed, const Settings& settings, WallTime now) {
  const api::WanDeployment& deployment = observed.deployment;
  Plan plan;
  if (deployment.metadata.deleted) return plan;
  api::WanDeploymentStatus status = deployment.status;
  status.observed_generation = deployment.metadata.generation;
  status.selector = pod_selector(deployment);
  status.endpoint = "http://" + deployment.metadata.name + "." + deployment.metadata.namespace_ +
                    ".svc:" + std::to_string(kRuntimePort);
  if (auto verdict = conflict(observed)) {
    const Rollout rollout{.obstacle = std::move(verdict)};
    // Nobody tells when an object of somebody else goes.
    look_again(plan, kConflictRetry);
    count(observed, rollout, status);
    judge(observed, rollout, status, now);
  } else {
    Plan children;
    const Rollout rollout = roll(observed, settings, now, children);
    const bool any = rollout.serving.child || !children.steps.empty();
    if (any) make_companions(observed, settings, plan);
    plan.steps.insert(plan.steps.end(), children.steps.begin(), children.steps.end());
    plan.requeue_after = children.requeue_after;
    count(observed, rollout, status);
    judge(observed, rollout, status, now);
    if (any) plan_tokens(observed, settings, now, status, plan);
  }
  if (status != deployment.status) {
    plan.steps.push_back(WriteStatus{ref_of(deployment), to_json(status), ""});
    announce(observed, status, plan);
  }
  cancel_orphans(observed, plan);
  return plan;
}

}  // namespace wan::reconcile::wan_deployment
