#include "operator/api/video_job.h"

#include <utility>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/api/resource_codec.h"

namespace wan::api {

bool is_finished(const VideoJobStatus& status) {
  return status.phase == job_phase::kSucceeded || status.phase == job_phase::kFailed ||
         status.phase == job_phase::kCancelled;
}

void trim(VideoJob& job) {
  VideoJobSpec spec;
  spec.deployment_ref = std::move(job.spec.deployment_ref);
  if (job.spec.model) spec.model.emplace().name = job.spec.model->name;
  spec.output = std::move(job.spec.output);
  spec.size = std::move(job.spec.size);
  spec.frames = job.spec.frames;
  spec.steps = job.spec.steps;
  spec.priority = job.spec.priority;
  spec.ttl_seconds_after_finished = job.spec.ttl_seconds_after_finished;
  spec.retention = std::move(job.spec.retention);
  job.spec = std::move(spec);
  VideoJobStatus status;
  status.observed_generation = job.status.observed_generation;
  status.phase = std::move(job.status.phase);
  status.assignment = std::move(job.status.assignment);
  status.timings = std::move(job.status.timings);
  if (job.status.result) status.job_hash = std::move(job.status.job_hash);
  status.completion_time = job.status.completion_time;
  status.artifact_deletion_time = job.status.artifact_deletion_time;
  if (job.status.resolved) {
    Resolved& resolved = status.resolved.emplace();
    resolved.size = std::move(job.status.resolved->size);
    resolved.frames = job.status.resolved->frames;
    resolved.steps = job.status.resolved->steps;
  }
  job.status = std::move(status);
  job.trimmed = true;
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
