#pragma once
// spec.image: a job without its picture takes no place in line and no pod.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

[[nodiscard]] std::optional<ImageRef> image_of(const api::VideoJob& job);

// True if the job cannot go on now: the plan looks for its picture, or says what is wrong with it.
bool lacks_image(Draft& draft);

}  // namespace wan::reconcile::video_job
