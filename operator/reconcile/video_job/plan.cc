#include "operator/reconcile/video_job/plan.h"

#include <algorithm>

#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/afterlife.h"
#include "operator/reconcile/video_job/attempt.h"
#include "operator/reconcile/video_job/draft.h"
#include "operator/reconcile/video_job/oneshot.h"
#include "operator/reconcile/video_job/served.h"
#include "operator/reconcile/video_job/stop.h"

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
  age(draft);
  return finish(std::move(draft));
}

std::string seconds(int64_t count) { return std::to_string(count) + " s"; }

// Deadlines do not count the time that the job was suspended.
WallTime deadline(const Draft& draft, WallTime begin, int64_t allowed) {
  return begin + std::chrono::seconds(allowed + draft.status.suspended_seconds);
}

// True if a deadline has passed; else remembers when the next one does.
bool expire(Draft& draft) {
  const api::VideoJobSpec& spec = draft.job().spec;
  const auto& status = draft.status;
  if (status.start_time) {
    const WallTime end = deadline(draft, *status.start_time, spec.active_deadline_seconds);
    draft.look_at(end);
    if (draft.now < end) return false;
    end_failed(draft,
               {reason::kDeadlineExceeded, "not done " + seconds(spec.active_deadline_seconds) +
                                               " after its first assignment (spec.activeDeadlineSeconds)"});
  } else {
    const WallTime begin = draft.job().metadata.created.value_or(draft.now);
    const WallTime end = deadline(draft, begin, spec.queue_deadline_seconds);
    draft.look_at(end);
    if (draft.now < end) return false;
    const api::Condition* ready = find_condition(status.conditions, api::kReady);
    end_failed(draft,
               {reason::kQueueDeadlineExceeded, "not assigned " + seconds(spec.queue_deadline_seconds) +
                                                    " after its creation (spec.queueDeadlineSeconds)" +
                                                    (ready ? "; it waited because: " + ready->message : "")});
  }
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
  if (draft.status.assignment) check_reach(draft);
  return !is_finished(draft.status);
}

// The status of an object that goes away is nobody's business any more.
Plan leave(Draft draft) {
  draft.status = draft.job().status;
  bury(draft);
  std::vector<Step> burial = std::move(draft.after_status);
  draft.after_status.clear();
  draft.status.assignment.reset();
  stop_strays(draft);
  Plan plan;
  std::ranges::move(draft.events, std::back_inserter(plan.steps));
  std::ranges::move(draft.after_status, std::back_inserter(plan.steps));
  std::ranges::move(burial, std::back_inserter(plan.steps));
  if (draft.look_again) {
    plan.requeue_after = std::chrono::ceil<std::chrono::milliseconds>(*draft.look_again - draft.now);
  }
  return plan;
}

}  // namespace

Plan plan(const Observed& observed, const Settings& settings, WallTime now) {
  const api::VideoJob& job = observed.job;
  Draft draft{
      .observed = observed, .settings = settings, .now = now, .status = job.status, .after_status = {}};
  draft.status.observed_generation = job.metadata.generation;
  if (job.metadata.deleted) {
    return leave(std::move(draft));
  }
  // By itself: the status write that would follow is guarded by the version from before.
  if (const auto finalizer = finalizer_to_set(job)) return Plan{{*finalizer}, std::nullopt};
  if (is_finished(job.status)) return keep_ended(std::move(draft));
  if (const auto state = final_state(draft); state && state->phase == phase::kSucceeded && state->result) {
    end_succeeded(draft, *state);
    return finish(std::move(draft));
  }
  if (job.spec.cancel) {
    cancel(draft);
    return finish(std::move(draft));
  }
  if (job.spec.suspend) {
    suspend(draft);
    return finish(std::move(draft));
  }
  resume(draft);
  if (expire(draft) || !check_attempt(draft)) return finish(std::move(draft));
  stop_strays(draft);
  if (draft.status.assignment) {
    follow(draft);
  } else if (pauses(draft)) {
    // Nothing to do before status.retryTime.
  } else if (job.spec.model) {
    place_on_own_pod(draft);
  } else {
    place_on_deployment(draft);
  }
  return finish(std::move(draft));
}

bool needs_whole_job(const Plan& plan) {
  return std::ranges::any_of(plan.steps, [](const Step& step) {
    return std::holds_alternative<WriteStatus>(step) || std::holds_alternative<DeleteArtifact>(step);
  });
}

}  // namespace wan::reconcile::video_job
