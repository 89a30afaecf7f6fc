#include "operator/reconcile/video_job/draft.h"

#include <algorithm>
#include <array>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/video_job/afterlife.h"
#include "operator/reconcile/video_job/dispatch.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;
namespace phase = api::job_phase;

WallTime whole_seconds(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }

void set_succeeded(Draft& draft, const char* status, const api::Verdict& verdict) {
  set_condition(draft.status.conditions,
                {.type = api::kSucceeded,
                 .status = status,
                 .observed_generation = draft.status.observed_generation,
                 .reason = verdict.reason,
                 .message = verdict.message},
                draft.now);
}

void end(Draft& draft, const char* ended_as) {
  draft.status.phase = ended_as;
  draft.status.completion_time = whole_seconds(draft.now);
  draft.status.retry_time.reset();
  remove_condition(draft.status.conditions, api::kSuspended);
  if (draft.status.progress) draft.status.progress->seconds_left.reset();
}

std::string ready_reason(const api::VideoJobStatus& status) {
  const api::Condition* ready = find_condition(status.conditions, api::kReady);
  return ready ? ready->reason : "";
}

bool worth_an_event(const std::string& why) {
  constexpr std::array<std::string_view, 10> kReasons{reason::kAssigned,
                                                      reason::kSuspended,
                                                      reason::kCompleted,
                                                      reason::kCancelled,
                                                      reason::kDeadlineExceeded,
                                                      reason::kQueueDeadlineExceeded,
                                                      reason::kBackoffLimitExceeded,
                                                      reason::kGenerationFailed,
                                                      reason::kNoArtifactStore,
                                                      reason::kProfileNotFound};
  return std::ranges::find(kReasons, why) != kReasons.end();
}

void announce(const Draft& draft, Plan& plan) {
  const std::string why = ready_reason(draft.status);
  if (why == ready_reason(draft.job().status) || !worth_an_event(why)) return;
  const bool warning = is_true(draft.status.conditions, api::kStalled);
  plan.steps.push_back(EmitEvent{.regarding = ref_of(draft.job()),
                                 .type = warning ? "Warning" : "Normal",
                                 .reason = why,
                                 .action = "Reconcile",
                                 .note = find_condition(draft.status.conditions, api::kReady)->message});
}

void complete(Draft& draft, const std::string& how) {
  if (!draft.status.progress) draft.status.progress.emplace();
  draft.status.progress->percent = 100;
  end(draft, phase::kSucceeded);
  const ArtifactTarget target = target_of(draft);
  const api::Verdict verdict{reason::kCompleted, "the video is " + artifact_path(draft.job()) +
                                                     (target.empty() ? "" : " in " + describe(target)) + how};
  set_succeeded(draft, "True", verdict);
  mark_ready(draft.status.conditions, verdict, draft.status.observed_generation, draft.now);
}

// Only what is waited for is told in other words: nothing that a program acts on.
bool differs_in_words(const api::VideoJobStatus& told, api::VideoJobStatus now) {
  const auto stands_in = [&](const api::Condition& one) {
    const api::Condition* before = find_condition(told.conditions, one.type);
    return before && before->status == one.status;
  };
  if (told.conditions.size() != now.conditions.size() || !std::ranges::all_of(now.conditions, stands_in))
    return false;
  now.conditions = told.conditions;
  return now == told;
}

// What lasts for moments, as a pod that starts passes through, costs the API server a write and helps nobody.
bool must_be_told(Draft& draft) {
  const api::VideoJobStatus& told = draft.job().status;
  return draft.status != told && (!differs_in_words(told, draft.status) || may_tell(draft));
}

}  // namespace

bool may_tell(Draft& draft) {
  if (!draft.observed.last_status_write) return true;
  const WallTime due = *draft.observed.last_status_write + kTellInterval;
  if (draft.now < due) draft.look_at(due);
  return draft.now >= due;
}

void wait(Draft& draft, const std::string& in_phase, const api::Verdict& verdict) {
  draft.status.phase = in_phase;
  set_succeeded(draft, "Unknown", verdict);
  mark_reconciling(draft.status.conditions, verdict, draft.status.observed_generation, draft.now);
}

void expect_answer(Draft& draft, const api::Verdict& verdict) {
  draft.look_at(draft.now);
  api::VideoJobStatus known = draft.job().status;
  known.observed_generation = draft.status.observed_generation;
  if (draft.status == known) {
    draft.status = draft.job().status;
  } else {
    wait(draft, phase::kQueued, verdict);
  }
}

void stall(Draft& draft, const std::string& in_phase, const api::Verdict& verdict) {
  draft.status.phase = in_phase;
  set_succeeded(draft, "Unknown", verdict);
  mark_stalled(draft.status.conditions, verdict, draft.status.observed_generation, draft.now);
}

void hold(Draft& draft, const api::Verdict& verdict) {
  draft.status.phase = phase::kSuspended;
  set_succeeded(draft, "Unknown", verdict);
  // The object is as its spec asks it to be: Git tools must not wait for more.
  mark_ready(draft.status.conditions, verdict, draft.status.observed_generation, draft.now);
  set_condition(draft.status.conditions,
                {.type = api::kSuspended,
                 .status = "True",
                 .observed_generation = draft.status.observed_generation,
                 .reason = verdict.reason,
                 .message = verdict.message},
                draft.now);
}

void end_failed(Draft& draft, const api::Verdict& verdict) {
  end(draft, phase::kFailed);
  set_succeeded(draft, "False", verdict);
  mark_stalled(draft.status.conditions, verdict, draft.status.observed_generation, draft.now);
}

void end_cancelled(Draft& draft) {
  end(draft, phase::kCancelled);
  const api::Verdict verdict{reason::kCancelled, "cancelled, as spec.cancel asks; there is no video"};
  set_succeeded(draft, "False", verdict);
  // The object is as its spec asks it to be: Git tools must not wait for more.
  mark_ready(draft.status.conditions, verdict, draft.status.observed_generation, draft.now);
}

void end_succeeded(Draft& draft, const api::JobState& state) {
  draft.status.result = state.result;
  // The pod knows the artifact server alone.
  if (draft.status.result && !target_of(draft).bucket.empty()) draft.status.result->url = video_url(draft);
  if (state.timings) draft.status.timings = state.timings;
  if (state.resolved) draft.status.resolved = state.resolved;
  if (!state.job_hash.empty()) draft.status.job_hash = state.job_hash;
  if (state.progress) draft.status.progress = state.progress;
  complete(draft, "");
}

void end_reused(Draft& draft, const Twin& twin, const std::string& url) {
  draft.status.result = twin.result;
  draft.status.result->url = url;
  complete(draft, "; it was not made again: VideoJob " + twin.name + " is the same");
}

const api::Pod* assigned_pod(const Draft& draft) {
  if (!draft.status.assignment) return nullptr;
  const auto found = std::ranges::find(draft.observed.pods, draft.status.assignment->pod_uid,
                                       [](const api::Pod& pod) { return pod.metadata.uid; });
  return found == draft.observed.pods.end() ? nullptr : &*found;
}

const api::RuntimeView* assigned_view(const Draft& draft) {
  if (!draft.status.assignment) return nullptr;
  return find_view(draft.observed.runtimes, draft.status.assignment->pod_uid);
}

const api::JobState* assigned_state(const Draft& draft) {
  const api::RuntimeView* view = assigned_view(draft);
  const api::JobState* state = view ? view->job(draft.job().metadata.uid) : nullptr;
  return state && state->attempt == draft.status.assignment->attempt ? state : nullptr;
}

std::optional<api::JobState> left_behind(const api::Pod& pod, const std::string& job_uid) {
  const api::ContainerState* runtime = pod.container(kRuntimeContainer);
  if (!runtime || !runtime->terminated) return std::nullopt;
  const auto json = parse_json(runtime->terminated->message);
  if (!json || !json->is_object()) return std::nullopt;
  auto state = api::job_state_from_json(*json);
  if (!state || state->uid != job_uid || !state->finished()) return std::nullopt;
  return *std::move(state);
}

std::optional<api::JobState> final_state(const Draft& draft) {
  if (!draft.status.assignment) return std::nullopt;
  if (const api::JobState* state = assigned_state(draft); state && state->finished()) return *state;
  const api::Pod* pod = assigned_pod(draft);
  if (!pod || !draft.job().spec.model) return std::nullopt;
  auto state = left_behind(*pod, draft.job().metadata.uid);
  if (!state || state->attempt != draft.status.assignment->attempt) return std::nullopt;
  return state;
}

void stop_strays(Draft& draft) {
  const std::string& uid = draft.job().metadata.uid;
  const bool ended = is_finished(draft.status);
  for (const api::RuntimeView& view : draft.observed.runtimes) {
    const api::JobState* state = view.job(uid);
    if (!view.reachable || !state || state->finished()) continue;
    const auto& assignment = draft.status.assignment;
    const bool wanted =
        !ended && assignment && assignment->pod_uid == view.pod_uid && state->attempt == assignment->attempt;
    if (!wanted) draft.after_status.push_back(CancelOnPod{view.pod_uid, uid, state->attempt});
  }
}

void delete_runs(Draft& draft) {
  for (const api::Job& run : draft.observed.runs) {
    if (run.metadata.deleted || run.complete() || run.failure()) continue;
    draft.after_status.push_back(Delete{ref_of(run)});
  }
}

Plan finish(Draft draft) {
  Plan plan;
  const bool ended_now = is_finished(draft.status) && !is_finished(draft.job().status);
  if (ended_now) draft.look_again.reset();
  if (is_finished(draft.status) &&
      (ended_now || draft.status.observed_generation != draft.job().status.observed_generation)) {
    warn_of_ignored_ttl(draft);
  }
  const api::VideoJob& job = draft.job();
  std::ranges::move(draft.before_status, std::back_inserter(plan.steps));
  if (must_be_told(draft)) {
    // Guarded: two operators that both believe to lead must not both assign.
    plan.steps.push_back(WriteStatus{ref_of(job), to_json(draft.status), job.metadata.resource_version});
    std::ranges::move(draft.events, std::back_inserter(plan.steps));
    announce(draft, plan);
  }
  std::ranges::move(draft.after_status, std::back_inserter(plan.steps));
  if (draft.look_again) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*draft.look_again - draft.now);
    plan.requeue_after = std::max(left, std::chrono::milliseconds(1));
  }
  return plan;
}

}  // namespace wan::reconcile::video_job
