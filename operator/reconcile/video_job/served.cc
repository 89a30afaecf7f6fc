#include "operator/reconcile/video_job/served.h"

#include <algorithm>

#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/dispatch.h"
#include "operator/reconcile/video_job/image.h"
#include "operator/reconcile/video_job/twins.h"
#include "operator/reconcile/wan_deployment/admits.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

std::string deployment_trouble(const api::WanDeployment& deployment) {
  const api::Condition* ready = find_condition(deployment.status.conditions, api::kReady);
  const std::string why = ready ? ": " + ready->message : "";
  return "WanDeployment " + deployment.metadata.name + " has no ready replica" + why;
}

// The pod that it is this job's turn to take, if that is as free as the queue saw it.
const api::Pod* my_pod(const Draft& draft) {
  const std::string& uid = draft.observed.turn.pod_uid;
  if (uid.empty()) return nullptr;
  const auto pod =
      std::ranges::find(draft.observed.pods, uid, [](const api::Pod& one) { return one.metadata.uid; });
  return pod == draft.observed.pods.end() ? nullptr : &*pod;
}

bool is_permitted(const Draft& draft) {
  const std::string& own = draft.job().metadata.namespace_;
  const std::string& wanted = draft.job().spec.deployment_ref->namespace_;
  if (wanted.empty() || wanted == own) return true;
  const auto& deployment = draft.observed.deployment;
  return deployment && admits(*deployment, own, draft.observed.namespace_labels);
}

// The same whether it exists or not: nobody learns what another namespace has.
api::Verdict not_permitted(const Draft& draft) {
  const api::DeploymentRef& ref = *draft.job().spec.deployment_ref;
  return {reason::kRefNotPermitted,
          "WanDeployment " + ref.namespace_ + "/" + ref.name +
              " does not exist, or its spec.allowedNamespaces does not admit namespace " +
              draft.job().metadata.namespace_ + ": ask who runs it"};
}

// One or two digits: a guess need not change with every second.
std::string about(int64_t seconds) {
  const auto rounded = [](int64_t value) { return value < 10 ? value : (value + 2) / 5 * 5; };
  if (seconds < 90) return "about " + std::to_string(rounded(seconds)) + " s";
  if (seconds < 5400) return "about " + std::to_string(rounded((seconds + 30) / 60)) + " min";
  return "about " + std::to_string(rounded((seconds + 1800) / 3600)) + " h";
}

std::string place_in_line(const Turn& turn) {
  std::string text = "it is next in line";
  if (turn.before == 1) text = "1 job goes first";
  if (turn.before > 1) text = std::to_string(turn.before) + " jobs go first";
  if (turn.before > 4) text = "up to " + text;
  return turn.seconds ? text + ", " + about(*turn.seconds) + " to wait" : text;
}

}  // namespace

void place_on_deployment(Draft& draft) {
  const Observed& observed = draft.observed;
  const std::string& name = draft.job().spec.deployment_ref->name;
  if (!is_permitted(draft)) return wait(draft, phase::kPending, not_permitted(draft));
  if (!observed.deployment) {
    return wait(draft, phase::kPending,
                {reason::kDeploymentNotFound, "WanDeployment " + name + " does not exist in namespace " +
                                                  draft.job().metadata.namespace_});
  }
  if (target_of(draft).empty()) {
    return stall(
        draft, phase::kPending,
        {reason::kNoArtifactStore, "no store is named: set spec.artifacts (pvc or s3) of WanDeployment " +
                                       name + ", or spec.output of a new VideoJob"});
  }
  if (const auto trouble = artifact_server_trouble(draft)) return wait(draft, phase::kQueued, *trouble);
  if (lacks_image(draft)) return;
  if (still_has_twin(draft)) return;
  if (!observed.turn.replica_ready) {
    return wait(draft, phase::kQueued,
                {reason::kWaitingForDeployment, deployment_trouble(*observed.deployment)});
  }
  if (const api::Pod* pod = my_pod(draft)) {
    const int attempt = draft.status.attempts + 1;
    if (!has_twin(draft, *pod, attempt)) assign(draft, *pod, attempt);
    return;
  }
  wait(draft, phase::kQueued,
       {reason::kWaitingForReplica,
        "every ready replica of WanDeployment " + name + " is busy; " + place_in_line(observed.turn)});
}

}  // namespace wan::reconcile::video_job
