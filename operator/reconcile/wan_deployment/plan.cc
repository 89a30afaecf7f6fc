#include "operator/reconcile/wan_deployment/plan.h"

#include <algorithm>

#include "base/crypto/sha256.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/objects/served_model.h"
#include "operator/reconcile/wan_deployment/status.h"

namespace wan::reconcile::wan_deployment {
namespace {

namespace reason = api::reason;
namespace phase = api::deployment_phase;

// What keeps the children from being made as the spec asks.
struct Obstacle {
  api::Verdict verdict;
  bool stalled = false;
};

std::optional<Obstacle> conflict(const Observed& observed) {
  const api::WanDeployment& deployment = observed.deployment;
  const auto foreign = [&](const api::Meta& live, const std::string& kind) {
    return Obstacle{
        {reason::kNameConflict, kind + " " + live.name +
                                    " exists and belongs to somebody else: delete it, or give the "
                                    "WanDeployment another name"}};
  };
  if (observed.child && !observed.child->metadata.controlled_by(deployment.metadata.uid)) {
    return foreign(observed.child->metadata, "Deployment");
  }
  if (observed.service && !observed.service->metadata.controlled_by(deployment.metadata.uid)) {
    return foreign(observed.service->metadata, "Service");
  }
  return std::nullopt;
}

std::optional<Obstacle> obstacle(const Observed& observed) {
  const api::WanDeploymentSpec& spec = observed.deployment.spec;
  if (!observed.model) {
    return Obstacle{
        {reason::kModelNotFound, "GalleryModel " + spec.model.name +
                                     " does not exist: kubectl get gallerymodels lists those that do"}};
  }
  if (!find_profile(observed.model->spec, spec.profile)) {
    return Obstacle{
        {reason::kProfileNotFound, "GalleryModel " + spec.model.name + " has no profile \"" + spec.profile +
                                       "\", it has: " + profile_names(observed.model->spec)},
        true};
  }
  return conflict(observed);
}

// Jobs that a pod works on although no VideoJob stands for them any more.
void cancel_orphans(const Observed& observed, Plan& plan) {
  for (const api::RuntimeView& view : observed.runtimes) {
    if (!view.reachable) continue;
    for (const api::JobState& job : view.jobs) {
      if (job.finished() ||
          std::ranges::find(observed.video_job_uids, job.uid) != observed.video_job_uids.end()) {
        continue;
      }
      plan.steps.push_back(CancelOnPod{view.pod_uid, job.uid, job.attempt});
    }
  }
}

// Nobody reads the Secret back, so it is made again when that is cheap and may be needed: for a new
// generation of the token, and whenever the deployment becomes complete (a Secret of the same name may have
// been on its way out with an earlier WanDeployment when this one was made).
void make_token(const Observed& observed, const Settings& settings, bool became_complete,
                api::WanDeploymentStatus& status, Plan& plan) {
  const std::string name = token_secret_name(observed.deployment);
  const bool known = status.token_secret_ref && status.token_secret_ref->name == name;
  if (!known || became_complete) plan.steps.push_back(Create{token_secret(observed.deployment, settings)});
  status.token_secret_ref = api::NameRef{name};
  status.token_hashes = {sha256_digest(access_token(observed.deployment, settings))};
}

template <typename T>
bool apply(const std::optional<T>& live, Json object, Plan& plan) {
  if (live && !intent_differs(live->metadata, object)) return false;
  plan.steps.push_back(Apply{std::move(object)});
  return true;
}

Rollout make_children(const Observed& observed, const Settings& settings, Plan& plan) {
  const Json deployment = runtime_deployment(observed.deployment, *observed.model, settings);
  Rollout rollout;
  rollout.desired = observed.deployment.spec.suspend ? 0 : observed.deployment.spec.replicas;
  rollout.config =
      string_or(deployment, {"spec", "template", "metadata", "annotations", api::kAnnotationConfig}, "");
  apply(observed.service, runtime_service(observed.deployment), plan);
  bool applied = apply(observed.child, deployment, plan);
  if (!applied && observed.child->spec_replicas != rollout.desired) {
    // Somebody scaled the child by hand.
    plan.steps.push_back(Apply{deployment});
    applied = true;
  }
  rollout.current = !applied && observed.child->observed_generation >= observed.child->metadata.generation;
  return rollout;
}

void hold(const Observed& observed, const Obstacle& obstacle, api::WanDeploymentStatus& status,
          WallTime now) {
  const bool ours =
      observed.child && observed.child->metadata.controlled_by(observed.deployment.metadata.uid);
  status.replicas = ours ? observed.child->replicas : 0;
  status.ready_replicas = ours ? observed.child->ready_replicas : 0;
  status.phase = obstacle.stalled ? phase::kFailed : phase::kWaiting;
  if (obstacle.stalled) {
    mark_stalled(status.conditions, obstacle.verdict, status.observed_generation, now);
  } else {
    mark_reconciling(status.conditions, obstacle.verdict, status.observed_generation, now);
  }
}

std::string ready_reason(const api::WanDeploymentStatus& status) {
  const api::Condition* ready = find_condition(status.conditions, api::kReady);
  return ready ? ready->reason : "";
}

// A word in the event log when the deployment has become ready or has got stuck.
void announce(const Observed& observed, const api::WanDeploymentStatus& status, Plan& plan) {
  if (ready_reason(status) == ready_reason(observed.deployment.status)) return;
  const bool ready = is_true(status.conditions, api::kReady);
  if (!ready && !is_true(status.conditions, api::kStalled)) return;
  plan.steps.push_back(EmitEvent{.regarding = ref_of(observed.deployment),
                                 .type = ready ? "Normal" : "Warning",
                                 .reason = ready_reason(status),
                                 .action = "Reconcile",
                                 .note = find_condition(status.conditions, api::kReady)->message});
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
  if (const auto problem = obstacle(observed)) {
    hold(observed, *problem, status, now);
  } else {
    const Rollout rollout = make_children(observed, settings, plan);
    count(observed, rollout, status);
    judge(observed, rollout, status, now);
    const bool became_complete =
        is_true(status.conditions, api::kReady) && !is_true(deployment.status.conditions, api::kReady);
    make_token(observed, settings, became_complete, status, plan);
  }
  if (status != deployment.status) {
    plan.steps.push_back(WriteStatus{ref_of(deployment), to_json(status), ""});
    announce(observed, status, plan);
  }
  cancel_orphans(observed, plan);
  return plan;
}

}  // namespace wan::reconcile::wan_deployment
