#pragma once
// A VideoJob's plan while it is being made: the status to be, and the steps that follow once it is written.

#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/pods/cause.h"
#include "operator/reconcile/video_job/plan.h"

namespace wan::reconcile::video_job {

// A status tells progress, or the same in other words, once in this time.
inline constexpr std::chrono::seconds kTellInterval{1};

struct Draft {
  const Observed& observed;
  const Settings& settings;
  WallTime now;
  api::VideoJobStatus status;
  std::vector<Step> after_status;
  std::vector<Step> before_status = {};  // what must be true before the status may say so
  std::vector<EmitEvent> events = {};
  std::optional<WallTime> look_again = {};

  [[nodiscard]] const api::VideoJob& job() const { return observed.job; }
  void look_at(WallTime time) { look_again = look_again ? std::min(*look_again, time) : time; }
};

// Whether the status may tell now what is no news; if not, the plan is made again when it may.
[[nodiscard]] bool may_tell(Draft& draft);

// The conditions of a job that goes on, cannot go on, or has ended.
void wait(Draft& draft, const std::string& phase, const api::Verdict& verdict);
// After a question whose answer comes at once. By itself it is not worth a write; but an attempt that this
// plan saw end must be told: while it stands in the status, answers are not looked at.
void expect_answer(Draft& draft, const api::Verdict& verdict);
void stall(Draft& draft, const std::string& phase, const api::Verdict& verdict);
void hold(Draft& draft, const api::Verdict& verdict);  // suspended
void end_failed(Draft& draft, const api::Verdict& verdict);
void end_cancelled(Draft& draft);
void end_succeeded(Draft& draft, const api::JobState& state);
// With the video of another job, at `url` too.
void end_reused(Draft& draft, const Twin& twin, const std::string& url);

// The assigned pod, its view, and the job's state there at the assigned attempt; nullptr where there is none.
[[nodiscard]] const api::Pod* assigned_pod(const Draft& draft);
[[nodiscard]] const api::RuntimeView* assigned_view(const Draft& draft);
[[nodiscard]] const api::JobState* assigned_state(const Draft& draft);

// How the current attempt ended, from the pod's API or from what a one-shot pod left behind.
[[nodiscard]] std::optional<api::JobState> final_state(const Draft& draft);
// The state that a one-shot pod left in its termination message.
[[nodiscard]] std::optional<api::JobState> left_behind(const api::Pod& pod, const std::string& job_uid);

// Tells every reachable pod that works on this job otherwise than assigned to stop.
void stop_strays(Draft& draft);
// Deletes the batch Jobs of this VideoJob that have not ended.
void delete_runs(Draft& draft);

// The status write, what follows it, an event for what people want to know, and the next look at the clock.
[[nodiscard]] Plan finish(Draft draft);

}  // namespace wan::reconcile::video_job
