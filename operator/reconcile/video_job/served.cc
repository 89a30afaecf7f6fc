#include "operator/reconcile/video_job/served.h"

#include <algorithm>

#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/dispatch.h"

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
  if (!observed.deployment) {
    return wait(draft, phase::kPending,
                {reason::kDeploymentNotFound, "WanDeployment " + name + " does not exist in namespace " +
                                                  draft.job().metadata.namespace_});
  }
  if (claim_of(draft).empty()) {
    return stall(
        draft, phase::kPending,
        {reason::kNoArtifactStore, "no store is named: set spec.artifacts.pvc.claimName of WanDeployment " +
                                       name + ", or spec.output.pvc.claimName of a new VideoJob"});
  }
  if (const auto trouble = artifact_server_trouble(draft)) return wait(draft, phase::kQueued, *trouble);
  if (!observed.turn.replica_ready) {
    return wait(draft, phase::kQueued,
                {reason::kWaitingForDeployment, deployment_trouble(*observed.deployment)});
  }
  if (const api::Pod* pod = my_pod(draft)) return assign(draft, *pod, draft.status.attempts + 1);
  wait(draft, phase::kQueued,
       {reason::kWaitingForReplica,
        "every ready replica of WanDeployment " + name + " is busy; " + place_in_line(observed.turn)});
}

}  // namespace wan::reconcile::video_job
