#pragma once
// The attempt that is under way: how it goes on, and what follows when it ends without a video.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// Takes over progress and phase from the assigned pod, and dispatches again what it does not know.
void follow(Draft& draft);

// Ends the attempt after a failure that may be tried again, after a pause; ends the job if that was one too
// many.
void count_failure(Draft& draft, const std::string& what);
// Ends the attempt without counting it: its pod went away, or stopped the job because it had to end.
void count_loss(Draft& draft, const std::string& what);
// One of the two, or the end of the job, by what the pod said.
void end_attempt(Draft& draft, const api::JobState& state);

// True until status.retryTime, with the status as it was.
[[nodiscard]] bool pauses(Draft& draft);

// Whether the assigned pod has gone, or has forgotten a job that ran on it. Ends the attempt then.
void check_pod(Draft& draft);

// Ends the attempt when its pod has not answered for Settings.lost_after.
void check_reach(Draft& draft);

}  // namespace wan::reconcile::video_job
