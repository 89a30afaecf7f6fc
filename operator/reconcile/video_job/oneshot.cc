#include "operator/reconcile/video_job/oneshot.h"

#include <algorithm>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/objects/run_job.h"
#include "operator/reconcile/video_job/attempt.h"
#include "operator/reconcile/video_job/dispatch.h"
#include "operator/reconcile/video_job/image.h"
#include "operator/reconcile/video_job/twins.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

// The pod has ended: what it left behind can be judged. Job and pod arrive by different watches.
bool has_ended(const api::Pod& pod) {
  return pod.metadata.deleted || pod.phase == "Failed" || pod.phase == "Succeeded";
}

// A Job has a second pod after the first was taken away: the one that has not ended counts.
const api::Pod* pod_of(const Draft& draft, const api::Job& run) {
  const api::Pod* found = nullptr;
  for (const api::Pod& pod : draft.observed.pods) {
    if (!pod.metadata.controlled_by(run.metadata.uid)) continue;
    if (!found || has_ended(*found)) found = &pod;
  }
  return found;
}

std::optional<api::Verdict> model_trouble(const Draft& draft, bool& stalled) {
  const api::JobModel& wanted = *draft.job().spec.model;
  const auto& model = draft.observed.model;
  stalled = false;
  if (!model) {
    return api::Verdict{
        reason::kModelNotFound,
        "GalleryModel " + wanted.name + " does not exist: kubectl get gallerymodels lists those that do"};
  }
  if (find_profile(model->spec, wanted.profile)) return std::nullopt;
  stalled = true;
  return api::Verdict{reason::kProfileNotFound, "GalleryModel " + wanted.name + " has no profile \"" +
                                                    wanted.profile +
                                                    "\", it has: " + profile_names(model->spec)};
}

constexpr std::chrono::seconds kLookForPod{2};

std::string no_pod_yet(const std::string& run) { return "Job " + run + " has no pod yet"; }

// Before the status says so: the Job's name follows from what the status said before, so a process that ends
// in between makes no second one, and the pod is there sooner.
void start_run(Draft& draft) {
  draft.before_status.push_back(
      Create{run_job(draft.job(), *draft.observed.model, draft.status.attempts, draft.settings)});
  wait(draft, phase::kQueued,
       {reason::kStartingJob, no_pod_yet(run_job_name(draft.job(), draft.status.attempts))});
}

void wait_for_pod(Draft& draft, const api::Job& run, const api::Pod* pod) {
  api::Verdict verdict{reason::kStartingJob, no_pod_yet(run.metadata.name)};
  const std::string& refusal = draft.observed.run_refusal;
  if (!pod && !refusal.empty()) verdict = {reason::kReplicaFailure, verdict.message + ": " + refusal};
  // A pod that is refused changes nothing that is watched.
  if (!pod) draft.look_at(draft.now + kLookForPod);
  if (pod) {
    const auto cause = diagnose(*pod, find_view(draft.observed.runtimes, pod->metadata.uid));
    if (cause) verdict = {cause->reason, cause->message};
    if (!cause) verdict.message = "pod " + pod->metadata.name + " is ready, its API has not answered yet";
  }
  wait(draft, phase::kQueued, verdict);
}

std::string failure_text(const Draft& draft, const api::Job& run) {
  const api::WorkloadCondition* failure = run.failure();
  const api::Pod* pod = pod_of(draft, run);
  const auto cause = pod ? diagnose(*pod, nullptr) : std::nullopt;
  if (cause && cause->severity != Severity::kProgress) return cause->message;
  if (!failure) return "Job " + run.metadata.name + " ended without leaving a result";
  return "Job " + run.metadata.name + " failed: " + failure->message;
}

}  // namespace

const api::Job* current_run(const Draft& draft) {
  const std::string name = run_job_name(draft.job(), draft.status.attempts);
  const auto found =
      std::ranges::find(draft.observed.runs, name, [](const api::Job& run) { return run.metadata.name; });
  return found == draft.observed.runs.end() ? nullptr : &*found;
}

void check_run(Draft& draft) {
  if (draft.status.attempts == 0) return;
  const api::Job* run = current_run(draft);
  if (!run) {
    if (draft.status.assignment && !assigned_pod(draft)) {
      count_failure(draft, "Job " + run_job_name(draft.job(), draft.status.attempts) + " is gone");
    }
    return;
  }
  if (run->failure() || run->complete()) {
    const api::Pod* pod = pod_of(draft, *run);
    if (!pod || has_ended(*pod)) count_failure(draft, failure_text(draft, *run));
    return;
  }
  // The Job makes another pod for one that was taken away; the same attempt goes on there.
  const api::Pod* assigned = assigned_pod(draft);
  const bool replaced = assigned && has_ended(*assigned) && pod_of(draft, *run) != assigned;
  if (!assigned || replaced) draft.status.assignment.reset();
}

void place_on_own_pod(Draft& draft) {
  bool stalled = false;
  if (const auto trouble = model_trouble(draft, stalled)) {
    return stalled ? stall(draft, phase::kPending, *trouble) : wait(draft, phase::kPending, *trouble);
  }
  if (target_of(draft).empty()) {
    return stall(draft, phase::kPending,
                 {reason::kNoArtifactStore,
                  "no store is named: set spec.output.pvc or spec.output.s3 of a new VideoJob"});
  }
  if (const auto trouble = artifact_server_trouble(draft)) return wait(draft, phase::kQueued, *trouble);
  if (lacks_image(draft)) return;
  draft.status.attempts = std::max(draft.status.attempts, 1);
  if (still_has_twin(draft)) return;
  const api::Job* run = current_run(draft);
  if (!run) return start_run(draft);
  const api::Pod* pod = pod_of(draft, *run);
  const api::RuntimeView* view = pod ? find_view(draft.observed.runtimes, pod->metadata.uid) : nullptr;
  if (!pod || pod->metadata.deleted || !view || !view->accepts_jobs()) return wait_for_pod(draft, *run, pod);
  if (!has_twin(draft, *pod, draft.status.attempts)) assign(draft, *pod, draft.status.attempts);
}

}  // namespace wan::reconcile::video_job
