#include "operator/api/video_job.h"

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/api/resource_codec.h"

namespace wan::api {

bool is_finished(const VideoJobStatus& status) {
  return status.phase == job_phase::kSucceeded || status.phase == job_phase::kFailed ||
         status.phase == job_phase::kCancelled;
}

template <>
const KindInfo& kind_info<VideoJob>() {
  static const KindInfo info{kGroup, kVersion, "VideoJob", "videojobs", true};
  return info;
}

template <>
Result<VideoJob> from_json<VideoJob>(const Json& object) {
  return read_resource<VideoJob>(object);
}

Json to_json(const VideoJobSpec& spec) { return VideoJobSpec::table().write(spec); }
Json to_json(const VideoJobStatus& status) { return VideoJobStatus::table().write(status); }

}  // namespace wan::api
