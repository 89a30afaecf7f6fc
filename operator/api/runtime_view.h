#pragma once
// What the operator knows of one runtime pod from its HTTP API (GET /v1/status, /v1/jobs, /v1/events).
// operator/dispatch keeps one per pod up to date; plans read it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"
#include "operator/api/reasons.h"
#include "operator/api/video_job.h"

namespace wan::api {

struct JobError {
  std::string reason;
  std::string message;
  bool retryable = false;

  bool operator==(const JobError&) const = default;
};

struct JobState {
  std::string uid;
  int attempt = 0;
  std::string phase;  // Queued Running Succeeded Failed Cancelled
  Boxed<Progress> progress;
  Boxed<Resolved> resolved;
  std::string job_hash;
  Boxed<VideoResult> result;
  Boxed<Timings> timings;
  std::optional<JobError> error;

  bool operator==(const JobState&) const = default;
  [[nodiscard]] bool finished() const;
};

// How far a pod's weights are.
struct WeightsProgress {
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  int64_t bytes_per_second = 0;
  std::optional<int64_t> seconds_left;

  bool operator==(const WeightsProgress&) const = default;
};

struct RuntimeView {
  std::string pod_uid;
  // The progress stream is up and its first state has arrived. While false the rest is what was last seen.
  bool reachable = false;
  std::string phase;  // Loading Probing Ready Draining Failed; "" before the first answer
  std::string message;
  std::string model_name;
  std::string model_digest;
  std::string numerics_id;
  std::vector<JobState> jobs;              // one per uid
  std::optional<WeightsProgress> weights;  // while its init container fetches them

  bool operator==(const RuntimeView&) const = default;
  [[nodiscard]] bool accepts_jobs() const { return reachable && phase == runtime_phase::kReady; }
  [[nodiscard]] const JobState* job(std::string_view uid) const;
};

// The body of GET /v1/status into `view` (jobs and reachable stay). Refused if it names another pod.
[[nodiscard]] Status apply_status(RuntimeView& view, const Json& status);
// Adds or replaces the state of that uid. Ignored is a lower attempt than the known one, and an earlier phase
// of the same: the answer to a request can arrive after what the stream says of later.
void apply_job(RuntimeView& view, JobState state);
// One line of GET /v1/events: STATUS, JOB, HEARTBEAT; unknown types are ignored. True if `view` changed.
[[nodiscard]] Result<bool> apply_event(RuntimeView& view, const Json& event);

// A JobState as the runtime sends it and as a one-shot pod leaves it in its termination message.
[[nodiscard]] Result<JobState> job_state_from_json(const Json& json);

}  // namespace wan::api
