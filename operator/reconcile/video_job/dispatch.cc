#include "operator/reconcile/video_job/dispatch.h"

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/video_job/image.h"

namespace wan::reconcile::video_job {
namespace {

// The fields of VideoJob.spec that say what the video is; the rest is the operator's business.
Json generation_fields(const api::VideoJobSpec& spec) {
  const Json all = to_json(spec);
  Json result = Json::object();
  for (const char* field : {"prompt", "negativePrompt", "size", "frames", "fps", "steps", "guidanceScale",
                            "shift", "sampler", "seed"}) {
    if (all.contains(field)) result[field] = all[field];
  }
  return result;
}

// What is left of spec.activeDeadlineSeconds at the assignment; the same at every dispatch of one attempt.
int64_t seconds_left(const Draft& draft) {
  const auto& status = draft.status;
  const int64_t all = draft.job().spec.active_deadline_seconds;
  if (!status.start_time || !status.assignment->assigned_at) return all;
  const auto used =
      std::chrono::floor<std::chrono::seconds>(*status.assignment->assigned_at - *status.start_time);
  return std::max<int64_t>(1, all - used.count() + status.suspended_seconds);
}

// What the Deployment's controller could not do: a quota, an admission policy.
std::string pods_refused(const std::optional<api::Deployment>& deployment) {
  if (!deployment) return "";
  const auto* failure = api::find_condition(deployment->conditions, "ReplicaFailure");
  return failure && failure->status == "True" ? failure->message : "";
}

}  // namespace

ArtifactTarget target_of(const Draft& draft) {
  return artifact_target(draft.job(), draft.observed.deployment ? &*draft.observed.deployment : nullptr);
}

std::string url_of(const ArtifactServer& server) {
  return server.service ? service_url(*server.service) : "";
}

std::string artifact_url(const Draft& draft) {
  const std::string server = url_of(draft.observed.artifacts);
  return server.empty() ? "" : server + "/v1/artifacts/" + artifact_path(draft.job());
}

std::string video_url(const Draft& draft) {
  const ArtifactTarget target = target_of(draft);
  if (target.bucket.empty()) return artifact_url(draft);
  return "s3://" + target.bucket + "/" + target.prefix + artifact_path(draft.job());
}

std::string artifact_audience(const Draft& draft) {
  return reconcile::artifact_audience(draft.job().metadata.namespace_, target_of(draft));
}

void assign(Draft& draft, const api::Pod& pod, int attempt) {
  const WallTime now = std::chrono::floor<std::chrono::seconds>(draft.now);
  draft.status.attempts = attempt;
  draft.status.assignment = api::Assignment{
      .pod_name = pod.metadata.name, .pod_uid = pod.metadata.uid, .attempt = attempt, .assigned_at = now};
  if (!draft.status.start_time) draft.status.start_time = now;
  draft.status.progress.reset();
  wait(draft, api::job_phase::kQueued,
       {api::reason::kAssigned, "attempt " + std::to_string(attempt) + " goes to pod " + pod.metadata.name});
  dispatch(draft);
}

Json job_body(const Draft& draft, const std::string& pod_uid, int attempt, int64_t seconds) {
  const api::VideoJob& job = draft.job();
  return {{"metadata",
           {{"namespace", job.metadata.namespace_}, {"name", job.metadata.name}, {"uid", job.metadata.uid}}},
          {"podUID", pod_uid},
          {"attempt", attempt},
          {"spec", generation_fields(job.spec)},
          {"activeDeadlineSeconds", seconds},
          {"artifact", {{"url", artifact_url(draft)}}}};
}

void dispatch(Draft& draft) {
  const api::VideoJob& job = draft.job();
  const api::Assignment& assignment = *draft.status.assignment;
  if (artifact_url(draft).empty()) return;
  Json body = job_body(draft, assignment.pod_uid, assignment.attempt, seconds_left(draft));
  draft.after_status.push_back(Dispatch{.pod_uid = assignment.pod_uid,
                                        .job_uid = job.metadata.uid,
                                        .attempt = assignment.attempt,
                                        .body = std::move(body),
                                        .artifact_audience = artifact_audience(draft),
                                        .artifact_path = artifact_path(job),
                                        .image = image_of(draft)});
}

std::optional<api::Verdict> artifact_server_trouble(const Draft& draft) {
  return artifact_server_trouble(draft.observed.artifacts, target_of(draft));
}

std::optional<api::Verdict> artifact_server_trouble(const ArtifactServer& server,
                                                    const ArtifactTarget& target) {
  const bool is_ready = server.deployment && server.deployment->ready_replicas > 0;
  if (is_ready && !url_of(server).empty()) return std::nullopt;
  std::string message = "the artifact server of " + describe(target) + " is not ready";
  if (const std::string refusal = pods_refused(server.deployment); !refusal.empty()) {
    return api::Verdict{api::reason::kWaitingForArtifactServer,
                        message + ": its pod cannot be made: " + refusal};
  }
  std::vector<const api::Pod*> pods;
  for (const api::Pod& pod : server.pods) pods.push_back(&pod);
  // A server's pod has no model to load: only what is in its way is worth telling.
  const auto cause = worst_cause(pods, {});
  if (cause && cause->severity != Severity::kProgress) message += ": " + cause->message;
  return api::Verdict{api::reason::kWaitingForArtifactServer, message};
}

}  // namespace wan::reconcile::video_job
