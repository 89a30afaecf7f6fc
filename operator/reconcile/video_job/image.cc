#include "operator/reconcile/video_job/image.h"

#include "operator/api/reasons.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;

// ConfigMaps are not watched: nobody tells when one appears.
constexpr std::chrono::seconds kLookAgain{5};

}  // namespace

std::optional<ImageRef> image_of(const api::VideoJob& job) {
  if (!job.spec.image || !job.spec.image->config_map) return std::nullopt;
  const api::ImageConfigMap& from = *job.spec.image->config_map;
  return ImageRef{job.metadata.namespace_, from.name, from.key};
}

bool lacks_image(Draft& draft) {
  const auto image = image_of(draft.job());
  const auto& finding = draft.observed.image;
  if (!image || (finding && finding->trouble.empty())) return false;
  if (!finding || draft.now >= finding->at + kLookAgain) {
    draft.after_status.push_back(FindImage{draft.job().metadata.uid, *image});
    expect_answer(draft, {reason::kImageNotFound, "looking for ConfigMap " + image->config_map});
    return true;
  }
  draft.look_at(finding->at + kLookAgain);
  wait(draft, api::job_phase::kPending, {reason::kImageNotFound, finding->trouble});
  return true;
}

}  // namespace wan::reconcile::video_job
