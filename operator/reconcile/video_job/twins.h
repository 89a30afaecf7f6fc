#pragma once
// No video is made twice: before a job is given to a pod, the pod says which video that would be (jobHash, of
// everything that decides about it and nothing else). One that is there already is published again at the
// job's own path; one that is being made is waited for.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// True if the job must not be given to `pod` now: the plan asks, waits, or has found the video.
bool has_twin(Draft& draft, const api::Pod& pod, int attempt);
// The same for a job that waits for its twin already, without a pod.
bool still_has_twin(Draft& draft);

}  // namespace wan::reconcile::video_job
