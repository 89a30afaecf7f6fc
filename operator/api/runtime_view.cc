#include "operator/api/runtime_view.h"

#include <algorithm>
#include <utility>

#include "operator/api/codec.h"

namespace wan::api {
namespace {

template <typename T>
Status read_part(const Json& json, std::string_view field, Boxed<T>& result) {
  const Json* part = find(json, {field});
  if (!part || part->is_null()) return {};
  return Codec<Boxed<T>>::read(*part, result, "JobState." + std::string(field));
}

// How far an attempt has come; it never goes back.
int stage(const JobState& state) {
  if (state.finished()) return 2;
  return state.phase == job_phase::kQueued ? 0 : 1;
}

}  // namespace

bool JobState::finished() const {
  return phase == job_phase::kSucceeded || phase == job_phase::kFailed || phase == job_phase::kCancelled;
}

const JobState* RuntimeView::job(std::string_view uid) const {
  const auto found = std::ranges::find(jobs, uid, &JobState::uid);
  return found == jobs.end() ? nullptr : &*found;
}

Status apply_status(RuntimeView& view, const Json& status) {
  const std::string pod_uid = string_or(status, {"podUID"}, "");
  if (pod_uid.empty() || (!view.pod_uid.empty() && view.pod_uid != pod_uid)) {
    return fail(failed_precondition("the runtime says it is pod \"" + pod_uid + "\", expected \"" +
                                    view.pod_uid + "\": another pod has this address now"));
  }
  view.pod_uid = pod_uid;
  view.phase = string_or(status, {"phase"}, "");
  view.message = string_or(status, {"message"}, "");
  view.model_name = string_or(status, {"model", "name"}, "");
  view.model_digest = string_or(status, {"model", "digest"}, "");
  view.numerics_id = string_or(status, {"numericsId"}, "");
  view.weights.reset();
  if (find(status, {"weights"}) != nullptr) {
    view.weights = WeightsProgress{.bytes_done = int_or(status, {"weights", "bytesDone"}, 0),
                                   .bytes_total = int_or(status, {"weights", "bytesTotal"}, 0),
                                   .bytes_per_second = int_or(status, {"weights", "bytesPerSecond"}, 0)};
    const int64_t left = int_or(status, {"weights", "secondsLeft"}, -1);
    if (left >= 0) view.weights->seconds_left = left;
  }
  return {};
}

void apply_job(RuntimeView& view, JobState state) {
  const auto found = std::ranges::find(view.jobs, state.uid, &JobState::uid);
  if (found == view.jobs.end()) {
    view.jobs.push_back(std::move(state));
  } else if (std::pair(found->attempt, stage(*found)) <= std::pair(state.attempt, stage(state))) {
    *found = std::move(state);
  }
}

Result<bool> apply_event(RuntimeView& view, const Json& event) {
  const std::string type = string_or(event, {"type"}, "");
  const RuntimeView before = view;
  if (type == "STATUS") {
    const Json* status = find(event, {"status"});
    if (!status) return fail(invalid_argument("a STATUS event without status"));
    WAN_TRY_VOID(apply_status(view, *status));
  } else if (type == "JOB") {
    const Json* job = find(event, {"job"});
    if (!job) return fail(invalid_argument("a JOB event without job"));
    WAN_TRY(JobState state, job_state_from_json(*job));
    apply_job(view, std::move(state));
  }
  return !(view == before);
}

Result<JobState> job_state_from_json(const Json& json) {
  JobState state;
  state.uid = string_or(json, {"uid"}, "");
  state.attempt = static_cast<int>(int_or(json, {"attempt"}, 0));
  state.phase = string_or(json, {"phase"}, "");
  if (state.uid.empty() || state.attempt < 1 || state.phase.empty()) {
    return fail(invalid_argument("a JobState must have uid, attempt (from 1) and phase"));
  }
  state.job_hash = string_or(json, {"jobHash"}, "");
  WAN_TRY_VOID(read_part(json, "progress", state.progress));
  WAN_TRY_VOID(read_part(json, "resolved", state.resolved));
  WAN_TRY_VOID(read_part(json, "result", state.result));
  WAN_TRY_VOID(read_part(json, "timings", state.timings));
  if (const Json* error = find(json, {"error"}); error && error->is_object()) {
    state.error = JobError{string_or(*error, {"reason"}, ""), string_or(*error, {"message"}, ""),
                           bool_or(*error, {"retryable"}, false)};
  }
  return state;
}

}  // namespace wan::api
