#include "operator/reconcile/video_job/stop.h"

#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/attempt.h"
#include "operator/reconcile/video_job/oneshot.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

bool nothing_runs(const Draft& draft) {
  if (draft.job().spec.model) {
    for (const api::Job& run : draft.observed.runs) {
      if (!run.complete() && !run.failure()) return false;
    }
    return true;
  }
  const api::Pod* pod = assigned_pod(draft);
  // A pod that its node gave up stays listed, and nothing runs in it.
  return !pod || pod->phase == "Failed" || pod->phase == "Succeeded";
}

// A pod that was assigned but never heard of the job cannot start it: only this operator dispatches, and it
// will not.
bool has_stopped(const Draft& draft) {
  const api::RuntimeView* view = assigned_view(draft);
  const bool never_heard = view && view->reachable && !assigned_state(draft) && !draft.job().spec.model;
  return final_state(draft) || nothing_runs(draft) || never_heard;
}

void ask_to_stop(Draft& draft, const char* why) {
  const std::string in_phase = draft.status.phase.empty() ? phase::kPending : draft.status.phase;
  wait(draft, in_phase, {why, "waiting for the pod to stop"});
  const api::RuntimeView* view = assigned_view(draft);
  if (const api::JobState* running = assigned_state(draft); running && view->reachable) {
    draft.after_status.push_back(CancelOnPod{view->pod_uid, draft.job().metadata.uid, running->attempt});
  } else {
    delete_runs(draft);
  }
}

}  // namespace

void cancel(Draft& draft) {
  if (!has_stopped(draft)) return ask_to_stop(draft, reason::kCancelling);
  end_cancelled(draft);
  stop_strays(draft);
  delete_runs(draft);
}

void suspend(Draft& draft) {
  if (!has_stopped(draft)) return ask_to_stop(draft, reason::kSuspending);
  // What went wrong before the pod could be told still counts.
  if (const auto state = final_state(draft); state && state->phase == phase::kFailed) {
    end_attempt(draft, *state);
    if (is_finished(draft.status)) return;
  } else if (draft.job().spec.model && current_run(draft) && draft.status.phase != phase::kSuspended) {
    // A batch Job is one attempt: the next has another name.
    ++draft.status.attempts;
  }
  draft.status.assignment.reset();
  draft.status.progress.reset();
  hold(draft, {reason::kSuspended, "held by spec.suspend; it keeps its place in line"});
  stop_strays(draft);
  delete_runs(draft);
}

void resume(Draft& draft) {
  const api::Condition* held = find_condition(draft.status.conditions, api::kSuspended);
  if (!held) return;
  const WallTime since = held->last_transition_time.value_or(draft.now);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(draft.now - since).count();
  draft.status.suspended_seconds += std::max<int64_t>(0, seconds);
  remove_condition(draft.status.conditions, api::kSuspended);
}

}  // namespace wan::reconcile::video_job
