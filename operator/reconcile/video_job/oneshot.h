#pragma once
// A VideoJob with spec.model: one batch Job an attempt, whose pod gets the job as a served model's would.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// Makes the batch Job of the current or next attempt, and assigns the job to its pod once that is ready.
void place_on_own_pod(Draft& draft);

// The batch Job of the current attempt, if it exists.
[[nodiscard]] const api::Job* current_run(const Draft& draft);

// Ends the attempt if its batch Job has failed.
void check_run(Draft& draft);

}  // namespace wan::reconcile::video_job
