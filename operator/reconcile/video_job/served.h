#pragma once
// A VideoJob with spec.deploymentRef that has no pod yet.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// Assigns the job to a free pod if it is its turn; else says what it waits for.
void place_on_deployment(Draft& draft);

}  // namespace wan::reconcile::video_job
