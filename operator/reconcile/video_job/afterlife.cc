#include "operator/reconcile/video_job/afterlife.h"

#include <algorithm>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/video_job/dispatch.h"

namespace wan::reconcile::video_job {
namespace {

constexpr std::chrono::seconds kBurialDeadline{600};

// A trimmed job does not have its result at hand, but every success has one.
bool has_video(const Draft& draft) {
  const bool made =
      draft.status.result || (draft.job().trimmed && draft.status.phase == api::job_phase::kSucceeded);
  return made && !draft.status.artifact_deletion_time;
}

// Nothing while the artifact server has no address, or where there is no video.
std::optional<DeleteArtifact> delete_video(const Draft& draft) {
  const auto& result = draft.status.result;
  const std::string url = artifact_url(draft);
  if (!has_video(draft) || url.empty()) return std::nullopt;
  return DeleteArtifact{.url = url,
                        .audience = artifact_audience(draft),
                        .path = artifact_path(draft.job()),
                        .sha256 = result ? result->sha256 : "",
                        .job_uid = draft.job().metadata.uid};
}

SetFinalizer finalizer(const api::VideoJob& job, bool present) {
  return {ref_of(job), api::kFinalizerArtifact, present};
}

// True once that many seconds have passed since the job's end.
bool is_due(Draft& draft, int64_t seconds) {
  const WallTime due = draft.status.completion_time.value_or(draft.now) + std::chrono::seconds(seconds);
  if (draft.now < due) draft.look_at(due);
  return draft.now >= due;
}

void delete_kept_runs(Draft& draft) {
  const int64_t kept = draft.job().spec.retention.value_or(api::Retention{}).pod_seconds;
  if (draft.observed.runs.empty() || !is_due(draft, kept)) return;
  for (const api::Job& run : draft.observed.runs) {
    if (!run.metadata.deleted) draft.after_status.push_back(Delete{ref_of(run)});
  }
}

void delete_old_video(Draft& draft) {
  const auto& kept = draft.job().spec.retention.value_or(api::Retention{}).artifact_seconds;
  if (!kept || !has_video(draft) || !is_due(draft, *kept)) return;
  auto step = delete_video(draft);
  if (!step) return;
  draft.before_status.push_back(*std::move(step));
  draft.status.artifact_deletion_time = std::chrono::floor<std::chrono::seconds>(draft.now);
  mark_ready(draft.status.conditions,
             {api::reason::kCompleted, "the video was made, and deleted " + std::to_string(*kept) +
                                           " s after the end of the job (spec.retention.artifactSeconds)"},
             draft.status.observed_generation, draft.now);
}

bool is_worked_on(const Draft& draft) {
  const std::string& uid = draft.job().metadata.uid;
  return std::ranges::any_of(draft.observed.runtimes, [&](const api::RuntimeView& view) {
    const api::JobState* state = view.job(uid);
    return view.reachable && state && !state->finished();
  });
}

}  // namespace

std::optional<SetFinalizer> finalizer_to_set(const api::VideoJob& job) {
  const bool wanted = job.spec.retention.value_or(api::Retention{}).on_delete == "Delete";
  if (wanted == job.metadata.has_finalizer(api::kFinalizerArtifact)) return std::nullopt;
  return finalizer(job, wanted);
}

void bury(Draft& draft) {
  const api::VideoJob& job = draft.job();
  if (!job.metadata.has_finalizer(api::kFinalizerArtifact)) return;
  const WallTime deadline = *job.metadata.deleted + kBurialDeadline;
  // A video that was finished while its VideoJob was being deleted.
  if (const auto state = final_state(draft); state && state->result) draft.status.result = state->result;
  const auto step = delete_video(draft);
  const bool wait_for_pod = is_worked_on(draft);
  if (draft.now < deadline && (wait_for_pod || (has_video(draft) && !step))) return draft.look_at(deadline);
  if (draft.now >= deadline && has_video(draft)) {
    draft.events.push_back({.regarding = ref_of(job),
                            .type = "Warning",
                            .reason = api::reason::kArtifactLeft,
                            .action = "Delete",
                            .note = "the video " + artifact_path(job) + " in " + describe(target_of(draft)) +
                                    " could not be deleted within " +
                                    std::to_string(kBurialDeadline.count()) + " s and stays"});
  } else if (step) {
    draft.after_status.push_back(*step);
    draft.look_at(deadline);
  }
  draft.after_status.push_back(finalizer(job, false));
}

void age(Draft& draft) {
  delete_kept_runs(draft);
  delete_old_video(draft);
  const auto& ttl = draft.job().spec.ttl_seconds_after_finished;
  if (!ttl || !draft.job().metadata.gitops.empty() || !is_due(draft, *ttl)) return;
  draft.after_status.push_back(Delete{ref_of(draft.job())});
}

void warn_of_ignored_ttl(Draft& draft) {
  const api::VideoJob& job = draft.job();
  if (!job.spec.ttl_seconds_after_finished || job.metadata.gitops.empty()) return;
  draft.events.push_back({.regarding = ref_of(job),
                          .type = "Warning",
                          .reason = api::reason::kTTLIgnored,
                          .action = "Keep",
                          .note = "spec.ttlSecondsAfterFinished has no effect: " + job.metadata.gitops +
                                  " owns this VideoJob and would make it again; remove it there"});
}

}  // namespace wan::reconcile::video_job
