#pragma once
// What is left of a job that has ended, and for how long.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// Deletes the pods after spec.retention.podSeconds, the video after its artifactSeconds, and the VideoJob
// after spec.ttlSecondsAfterFinished.
void age(Draft& draft);

// A VideoJob whose video goes with it (spec.retention.onDelete) carries a finalizer, and no other does: what
// is to be changed about that.
[[nodiscard]] std::optional<SetFinalizer> finalizer_to_set(const api::VideoJob& job);

// The VideoJob is being deleted: its video first, if that goes with it. The finalizer is dropped in any case
// ten minutes later.
void bury(Draft& draft);

// A Warning where spec.ttlSecondsAfterFinished has no effect.
void warn_of_ignored_ttl(Draft& draft);

}  // namespace wan::reconcile::video_job
