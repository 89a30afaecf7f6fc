#include "operator/reconcile/video_job/image.h"

#include <algorithm>

#include "base/text.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/video_job/dispatch.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;

// ConfigMaps and stores are not watched: nobody tells when a picture appears.
constexpr std::chrono::seconds kLookAgain{5};
constexpr std::chrono::seconds kLongestPause{300};
constexpr std::chrono::seconds kAskAgain{1};  // for one that is being taken in

// The digest, once it is known: what an earlier attempt began with counts for all.
std::string known_digest(const Draft& draft) {
  const auto& spec = *draft.job().spec.image;
  if (spec.upload) return spec.upload->sha256;
  if (draft.status.resolved && !draft.status.resolved->image.empty()) return draft.status.resolved->image;
  return draft.observed.image ? draft.observed.image->sha256 : "";
}

BlobRef blob_of(const Draft& draft) {
  const api::VideoJob& job = draft.job();
  const api::Image& spec = *job.spec.image;
  BlobRef blob{.server = url_of(draft.observed.artifacts),
               .audience = artifact_audience(draft),
               .sha256 = known_digest(draft),
               .url = spec.url};
  if (spec.s3) {
    blob.artifact_url = url_of(draft.observed.pictures) + "/v1/artifacts/" + spec.s3->key;
    blob.artifact_audience = artifact_audience(job.metadata.namespace_, image_target(job));
    blob.artifact_path = spec.s3->key;
  }
  return blob;
}

// As a status may say it.
std::string describe(const api::Image& image) {
  if (image.config_map) return "ConfigMap " + image.config_map->name;
  if (image.upload) return "upload " + image.upload->sha256;
  if (image.s3) return "s3://" + image.s3->bucket + "/" + image.s3->key;
  return without_query(image.url);
}

// A stranger's server is asked less and less often.
std::chrono::seconds pause_after(const api::Image& image, const ImageFinding& finding) {
  if (finding.on_its_way) return kAskAgain;
  if (image.config_map) return kLookAgain;
  return std::min(kLookAgain * (1 << std::clamp(finding.looks - 1, 0, 6)), kLongestPause);
}

}  // namespace

std::optional<ImageSource> image_of(const Draft& draft) {
  const api::VideoJob& job = draft.job();
  if (!job.spec.image) return std::nullopt;
  if (!job.spec.image->config_map) return blob_of(draft);
  return ImageRef{job.metadata.namespace_, job.spec.image->config_map->name, job.spec.image->config_map->key};
}

bool lacks_image(Draft& draft) {
  const auto& spec = draft.job().spec.image;
  const auto& finding = draft.observed.image;
  if (!spec || (finding && finding->trouble.empty())) return false;
  if (spec->s3) {
    if (const auto trouble = artifact_server_trouble(draft.observed.pictures, image_target(draft.job()))) {
      wait(draft, api::job_phase::kQueued, *trouble);
      return true;
    }
  }
  const WallTime next = finding ? finding->at + pause_after(*spec, *finding) : draft.now;
  // The answer is in the next plan, whenever that is: nobody else brings it.
  draft.look_at(next);
  if (draft.now >= next) {
    draft.after_status.push_back(FindImage{draft.job().metadata.uid, *image_of(draft)});
  }
  const api::Verdict looking{reason::kImageNotFound, "looking for " + describe(*spec)};
  if (finding) {
    wait(draft, api::job_phase::kPending, {finding->reason, finding->trouble});
  } else if (spec->config_map) {
    expect_answer(draft, looking);
  } else {
    wait(draft, api::job_phase::kPending, looking);  // others are asked, which may take a while
  }
  return true;
}

}  // namespace wan::reconcile::video_job
