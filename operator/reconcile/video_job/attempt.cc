#include "operator/reconcile/video_job/attempt.h"

#include <cmath>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/video_job/dispatch.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

constexpr const char* kPodDraining = "PodDraining";  // a reason of the runtime's
constexpr std::chrono::seconds kFirstPause{10};
constexpr std::chrono::seconds kLongestPause{300};

// Doubled with every failure.
std::chrono::seconds pause_after(int failures) {
  auto pause = kFirstPause;
  for (int i = 1; i < failures && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

std::string of_attempt(const Draft& draft) {
  return "attempt " + std::to_string(draft.status.attempts) + " of " + draft.job().metadata.name;
}

bool progress_is_news(Draft& draft, const api::Progress& progress) {
  const auto& known = draft.status.progress;
  if (!known || known->phase != progress.phase) return true;
  if (std::abs(known->percent - progress.percent) < 1) return false;
  return may_tell(draft);
}

void take_progress(Draft& draft, const api::JobState& state) {
  if (state.resolved) draft.status.resolved = state.resolved;
  if (!state.job_hash.empty()) draft.status.job_hash = state.job_hash;
  if (state.progress && progress_is_news(draft, *state.progress)) draft.status.progress = state.progress;
}

// A runtime that was started again, or will be, lost the job that it worked on. That it ended must be seen: a
// view that is being filled may not have the job yet.
bool has_forgotten(const Draft& draft, const api::Pod& pod) {
  if (draft.status.phase != phase::kRunning) return false;
  const api::ContainerState* runtime = pod.container(kRuntimeContainer);
  if (!runtime || !runtime->last_terminated || !runtime->last_terminated->finished_at) return false;
  if (*runtime->last_terminated->finished_at < draft.status.assignment->assigned_at) return false;
  const api::RuntimeView* view = assigned_view(draft);
  return !runtime->running || (view && view->accepts_jobs() && !assigned_state(draft));
}

bool container_ended(const api::Pod& pod) { return pod.phase == "Failed" || pod.phase == "Succeeded"; }

void give_up_attempt(Draft& draft, const std::string& what, const std::string& when) {
  const std::string message = of_attempt(draft) + " ended: " + what + "; trying again " + when;
  draft.events.push_back({.regarding = ref_of(draft.job()),
                          .type = "Warning",
                          .reason = reason::kRetrying,
                          .action = "Retry",
                          .note = message});
  draft.status.assignment.reset();
  draft.status.progress.reset();
  // A batch Job is one attempt: the next has another name.
  if (draft.job().spec.model) ++draft.status.attempts;
  wait(draft, phase::kQueued, {reason::kRetrying, message});
}

}  // namespace

void follow(Draft& draft) {
  const api::RuntimeView* view = assigned_view(draft);
  const api::JobState* state = assigned_state(draft);
  if (!state) {
    if (view && view->accepts_jobs()) dispatch(draft);
    return;
  }
  const std::string& pod = draft.status.assignment->pod_name;
  if (state->phase == phase::kRunning) {
    wait(draft, phase::kRunning, {reason::kGenerating, of_attempt(draft) + " runs on pod " + pod});
    take_progress(draft, *state);
  }
}

void count_failure(Draft& draft, const std::string& what) {
  ++draft.status.failures;
  if (draft.status.failures > draft.job().spec.backoff_limit) {
    return end_failed(draft,
                      {reason::kBackoffLimitExceeded,
                       std::to_string(draft.status.failures) + " attempts failed, spec.backoffLimit is " +
                           std::to_string(draft.job().spec.backoff_limit) + "; the last: " + what});
  }
  const auto pause = pause_after(draft.status.failures);
  draft.status.retry_time = std::chrono::ceil<std::chrono::seconds>(draft.now) + pause;
  give_up_attempt(draft, what, "after " + std::to_string(pause.count()) + " s");
}

void count_loss(Draft& draft, const std::string& what) { give_up_attempt(draft, what, "at once"); }

bool pauses(Draft& draft) {
  auto& until = draft.status.retry_time;
  if (!until) return false;
  if (draft.now >= *until) {
    until.reset();
    return false;
  }
  draft.look_at(*until);
  const api::Condition* ready = find_condition(draft.status.conditions, api::kReady);
  const bool failed_now = ready && ready->reason == reason::kRetrying;
  wait(draft, phase::kQueued,
       {reason::kRetrying, failed_now ? ready->message : "paused after an attempt that failed"});
  return true;
}

void end_attempt(Draft& draft, const api::JobState& state) {
  const api::JobError error = state.error.value_or(api::JobError{"Unknown", "the pod gave no reason", true});
  const std::string what = error.reason + ": " + error.message;
  if (state.phase == phase::kSucceeded)
    return count_failure(draft, "the pod reported success without a result");
  if (state.phase == phase::kCancelled) {
    return count_loss(draft, "pod " + draft.status.assignment->pod_name + " stopped it");
  }
  // The pod had to end: not the job's fault.
  if (error.reason == kPodDraining) return count_loss(draft, what);
  if (error.retryable) return count_failure(draft, what);
  if (state.resolved) draft.status.resolved = state.resolved;
  end_failed(draft, {reason::kGenerationFailed, what});
}

void check_reach(Draft& draft) {
  if (!draft.observed.unreachable_since) return;
  const WallTime lost = *draft.observed.unreachable_since + draft.settings.lost_after;
  if (draft.now < lost) return draft.look_at(lost);
  count_loss(draft, "pod " + draft.status.assignment->pod_name + " has not answered for " +
                        std::to_string(draft.settings.lost_after.count()) + " s");
  delete_runs(draft);
}

void check_pod(Draft& draft) {
  const api::Pod* pod = assigned_pod(draft);
  const std::string& name = draft.status.assignment->pod_name;
  if (!pod) return count_loss(draft, "pod " + name + " is gone");
  if (container_ended(*pod)) {
    return count_loss(draft, "pod " + name + " ended" + (pod->reason.empty() ? "" : ": " + pod->reason));
  }
  if (has_forgotten(draft, *pod)) {
    count_failure(draft, "the runtime in pod " + name + " was started again, after " +
                             describe(*pod->container(kRuntimeContainer)->last_terminated));
  }
}

}  // namespace wan::reconcile::video_job
