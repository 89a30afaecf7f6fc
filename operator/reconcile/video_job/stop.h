#pragma once
// Stopping a job at its pod because its user asks for it: for good, or for a while.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// spec.cancel: ends the job once no pod works on it any more.
void cancel(Draft& draft);

// spec.suspend: ends the attempt, and holds the job once no pod works on it any more.
void suspend(Draft& draft);

// spec.suspend has been taken back: what the deadlines do not count is written down.
void resume(Draft& draft);

}  // namespace wan::reconcile::video_job
