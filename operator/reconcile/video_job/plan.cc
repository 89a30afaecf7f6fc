#include "operator/reconcile/video_job/plan.h"

#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/attempt.h"
#include "operator/reconcile/video_job/draft.h"
#include "operator/reconcile/video_job/oneshot.h"
#include "operator/reconcile/video_job/served.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

// An ended job stays as it is; only a spec that changed since (priority, cancel) is acknowledged, and
// whatever still works for it is told to end.
Plan keep_ended(Draft draft) {
  for (api::Condition& condition : draft.status.conditions) {
    condition.observed_generation = draft.status.observed_generation;
  }
  stop_strays(draft);
  if (draft.status.phase != phase::kSucceeded) delete_runs(draft);
  return finish(std::move(draft));
}

bool nothing_runs(const Draft& draft) {
  if (draft.job().spec.model) {
    for (const api::Job& run : draft.observed.runs) {
      if (!run.complete() && !run.failure()) return false;
    }
    return true;
  }
  return !draft.status.assignment || !assigned_pod(draft);
}

// Ends the job once no pod works on it any more. A pod that was assigned but never heard of the job cannot
// start it: only this operator dispatches, and it will not.
void cancel(Draft& draft) {
  const auto state = final_state(draft);
  const api::RuntimeView* view = assigned_view(draft);
  const bool never_heard = view && view->reachable && !assigned_state(draft) && !draft.job().spec.model;
  if (state || nothing_runs(draft) || never_heard) {
    end_cancelled(draft);
    stop_strays(draft);
    return delete_runs(draft);
  }
  const std::string in_phase = draft.status.phase.empty() ? phase::kPending : draft.status.phase;
  wait(draft, in_phase, {reason::kCancelling, "waiting for the pod to stop"});
  if (const api::JobState* running = assigned_state(draft); running && view->reachable) {
    draft.after_status.push_back(CancelOnPod{view->pod_uid, draft.job().metadata.uid, running->attempt});
  } else {
    delete_runs(draft);
  }
}

std::string seconds(int64_t count) { return std::to_string(count) + " s"; }

// True if a deadline has passed; else remembers when the next one does.
bool expire(Draft& draft) {
  const api::VideoJobSpec& spec = draft.job().spec;
  const auto& status = draft.status;
  if (status.start_time) {
    const WallTime end = *status.start_time + std::chrono::seconds(spec.active_deadline_seconds);
    draft.look_at(end);
    if (draft.now < end) return false;
    end_failed(draft,
               {reason::kDeadlineExceeded, "not done " + seconds(spec.active_deadline_seconds) +
                                               " after its first assignment (spec.activeDeadlineSeconds)"});
  } else {
    const WallTime begin = draft.job().metadata.created.value_or(draft.now);
    const WallTime end = begin + std::chrono::seconds(spec.queue_deadline_seconds);
    draft.look_at(end);
    if (draft.now < end) return false;
    const api::Condition* ready = find_condition(status.conditions, api::kReady);
    end_failed(draft,
               {reason::kQueueDeadlineExceeded, "not assigned " + seconds(spec.queue_deadline_seconds) +
                                                    " after its creation (spec.queueDeadlineSeconds)" +
                                                    (ready ? "; it waited because: " + ready->message : "")});
  }
  draft.look_again.reset();
  stop_strays(draft);
  delete_runs(draft);
  return true;
}

// Ends the attempt if it is over; true if there is more to do.
bool check_attempt(Draft& draft) {
  if (const auto state = final_state(draft)) {
    end_attempt(draft, *state);
  } else if (draft.job().spec.model) {
    check_run(draft);
  }
  // A one-shot pod that ended is the batch Job's to judge.
  if (draft.status.assignment && !draft.job().spec.model) check_pod(draft);
  return !is_finished(draft.status);
}

}  // namespace

Plan plan(const Observed& observed, const Settings& settings, WallTime now) {
  const api::VideoJob& job = observed.job;
  Draft draft{
      .observed = observed, .settings = settings, .now = now, .status = job.status, .after_status = {}};
  draft.status.observed_generation = job.metadata.generation;
  if (job.metadata.deleted) {
    draft.status = job.status;
    draft.status.assignment.reset();
    stop_strays(draft);
    Plan plan;
    plan.steps = std::move(draft.after_status);
    return plan;
  }
  if (is_finished(job.status)) return keep_ended(std::move(draft));
  if (const auto state = final_state(draft); state && state->phase == phase::kSucceeded && state->result) {
    end_succeeded(draft, *state);
    return finish(std::move(draft));
  }
  if (job.spec.cancel) {
    cancel(draft);
    return finish(std::move(draft));
  }
  if (expire(draft)) return finish(std::move(draft));
  if (!check_attempt(draft)) {
    draft.look_again.reset();
    return finish(std::move(draft));
  }
  stop_strays(draft);
  if (draft.status.assignment) {
    follow(draft);
  } else if (job.spec.model) {
    place_on_own_pod(draft);
  } else {
    place_on_deployment(draft);
  }
  return finish(std::move(draft));
}

}  // namespace wan::reconcile::video_job
