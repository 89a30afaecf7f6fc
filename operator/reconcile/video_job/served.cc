#include "operator/reconcile/video_job/served.h"

#include <algorithm>

#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/dispatch.h"
#include "operator/reconcile/video_job/queue.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

bool any_ready(const Observed& observed) {
  return std::ranges::any_of(observed.pods, [&](const api::Pod& pod) {
    const api::RuntimeView* view = find_view(observed.runtimes, pod.metadata.uid);
    return pod.ready && !pod.metadata.deleted && view && view->accepts_jobs();
  });
}

std::string deployment_trouble(const api::WanDeployment& deployment) {
  const api::Condition* ready = find_condition(deployment.status.conditions, api::kReady);
  const std::string why = ready ? ": " + ready->message : "";
  return "WanDeployment " + deployment.metadata.name + " has no ready replica" + why;
}

// The pod that is this job's turn, if any: the n-th in the queue takes the n-th free pod, so that plans made
// from one and the same view never choose the same pod twice.
const api::Pod* my_pod(const Draft& draft) {
  api::VideoJob self = draft.job();
  self.status = draft.status;
  // What it waited for last time is over, or this would not be asked.
  remove_condition(self.status.conditions, api::kReady);
  std::vector<const api::VideoJob*> jobs{&self};
  for (const api::VideoJob& other : draft.observed.others) jobs.push_back(&other);
  const auto free = free_pods(draft.observed.pods, draft.observed.runtimes, jobs);
  if (free.empty()) return nullptr;
  const auto order = queue_order(jobs, free.size());
  const auto place = std::ranges::find(order, &self);
  return place == order.end() ? nullptr : free[static_cast<size_t>(place - order.begin())];
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
  if (!any_ready(observed)) {
    return wait(draft, phase::kQueued,
                {reason::kWaitingForDeployment, deployment_trouble(*observed.deployment)});
  }
  if (const api::Pod* pod = my_pod(draft)) return assign(draft, *pod, draft.status.attempts + 1);
  wait(draft, phase::kQueued,
       {reason::kWaitingForReplica, "every ready replica of WanDeployment " + name + " is busy"});
}

}  // namespace wan::reconcile::video_job
