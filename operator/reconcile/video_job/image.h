#pragma once
// spec.image: a job without its picture takes no place in line and no pod. One that is not in a ConfigMap is
// a blob of the store that the video goes to, or becomes one first: whatever happens to the job, it goes on
// with the same bytes.

#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// Nothing if the job has none. The artifact servers must have addresses.
[[nodiscard]] std::optional<ImageSource> image_of(const Draft& draft);

// True if the job cannot go on now: the plan looks for its picture, or says what is wrong with it.
bool lacks_image(Draft& draft);

}  // namespace wan::reconcile::video_job
