#pragma once
// The batch/v1 Job of one attempt of a VideoJob with spec.model.

#include "operator/api/gallery_model.h"
#include "operator/api/video_job.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

// The job's spec.model must be set and its profile exist in `model`.
[[nodiscard]] Json run_job(const api::VideoJob& job, const api::GalleryModel& model, int attempt,
                           const Settings& settings);

}  // namespace wan::reconcile
