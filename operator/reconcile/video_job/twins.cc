#include "operator/reconcile/video_job/twins.h"

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/video_job/dispatch.h"
#include "operator/reconcile/video_job/image.h"
#include "operator/reconcile/video_job/oneshot.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;

void ask(Draft& draft, const api::Pod& pod, int attempt) {
  Json body = job_body(draft, pod.metadata.uid, attempt, draft.job().spec.active_deadline_seconds);
  draft.after_status.push_back(
      Resolve{pod.metadata.uid, draft.job().metadata.uid, attempt, std::move(body), image_of(draft)});
  expect_answer(
      draft, {reason::kWaitingForReplica, "pod " + pod.metadata.name + " is asked whether it takes the job"});
}

// A pod of the job's own is given back meanwhile; another batch Job has another name.
void give_pod_back(Draft& draft) {
  if (!draft.job().spec.model || !current_run(draft)) return;
  ++draft.status.attempts;
  delete_runs(draft);
}

bool reuse(Draft& draft, const Twin& twin) {
  const std::string url = artifact_url(draft);
  if (url.empty() || !twin.result) return false;
  draft.before_status.push_back(CopyArtifact{.url = url,
                                             .audience = artifact_audience(draft),
                                             .path = artifact_path(draft.job()),
                                             .sha256 = twin.result->sha256,
                                             .job_uid = draft.job().metadata.uid,
                                             .twin_uid = twin.uid});
  delete_runs(draft);
  end_reused(draft, twin, video_url(draft));
  return true;
}

bool act_on_twin(Draft& draft) {
  const Observed& observed = draft.observed;
  if (observed.finished_twin && reuse(draft, *observed.finished_twin)) return true;
  if (!observed.running_twin) return false;
  give_pod_back(draft);
  wait(draft, api::job_phase::kQueued,
       {reason::kWaitingForIdenticalJob,
        "VideoJob " + observed.running_twin->name + " makes the same video now"});
  return true;
}

}  // namespace

bool has_twin(Draft& draft, const api::Pod& pod, int attempt) {
  const auto& answer = draft.observed.answer;
  if (!answer || answer->pod_uid != pod.metadata.uid) {
    ask(draft, pod, attempt);
    return true;
  }
  draft.status.job_hash = answer->job_hash;
  if (answer->resolved) draft.status.resolved = answer->resolved;
  return !answer->job_hash.empty() && act_on_twin(draft);
}

bool still_has_twin(Draft& draft) {
  const api::Condition* ready = find_condition(draft.status.conditions, api::kReady);
  if (!ready || ready->reason != reason::kWaitingForIdenticalJob || draft.status.job_hash.empty())
    return false;
  return act_on_twin(draft);
}

}  // namespace wan::reconcile::video_job
