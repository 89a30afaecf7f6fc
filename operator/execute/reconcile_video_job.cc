// One look at a VideoJob: what the caches show of it and of others that make the same video, and what other
// plans must know before this one is carried out.

#include <algorithm>
#include <utility>

#include "operator/execute/observe.h"
#include "operator/execute/reconcilers.h"
#include "operator/kube/api_error.h"

namespace wan::execute {
namespace {

constexpr std::chrono::milliseconds kCacheLag{100};

// The status that the plan writes, if that gives the job to a pod or leaves it there.
const Json* assigning_status(const reconcile::Plan& plan) {
  for (const reconcile::Step& step : plan.steps) {
    const auto* write = std::get_if<reconcile::WriteStatus>(&step);
    const bool assigns = write != nullptr && !string_or(write->status, {"assignment", "podUID"}, "").empty();
    if (assigns && string_or(write->status, {"completionTime"}, "").empty()) return &write->status;
  }
  return nullptr;
}

}  // namespace

Task<Result<controller::Outcome>> Reconcilers::reconcile_video_job(cache::Key key) {
  const std::string owner = owner_name("VideoJob", key);
  if (const auto wait = gate_.blocked(owner); wait.count() > 0) co_return controller::Outcome{wait};
  auto observed = observe_video_job(caches_, runtimes_, key);
  if (!observed) co_return controller::Outcome();
  observed->last_status_write = steps_.last_status_write(observed->job.metadata.uid);
  observed->unreachable_since = unreachable_since(observed->job);
  // Before anything that another plan must not change meanwhile; a pod of the job's own is nobody else's.
  if (observed->job.spec.model) co_await look_for_refusal(api_, clock_.wall(), *observed);
  observe_twins(*observed);
  if (observed->finished_twin) {
    WAN_CO_TRY_VOID(co_await read_result(*observed));
    // The cache is about to hear of it. What else was observed is too old by now to assign the job.
    if (!observed->finished_twin) co_return controller::Outcome{kCacheLag};
  }
  reconcile::Plan plan = reconcile::video_job::plan(*observed, settings_, clock_.wall());
  if (observed->job.trimmed && reconcile::video_job::needs_whole_job(plan)) {
    WAN_CO_TRY(auto whole, co_await read_whole(key, observed->job.metadata.uid));
    if (!whole) co_return controller::Outcome();
    observed->job = *std::move(whole);
    plan = reconcile::video_job::plan(*observed, settings_, clock_.wall());
  }
  reserve(observed->job, plan);
  if (auto* queue = caches_.queues.of(observed->job)) {
    queue->told(observed->job.metadata.uid, observed->turn.before);
  }
  co_return co_await carry_out(owner, std::move(plan));
}

Task<Result<std::optional<api::VideoJob>>> Reconcilers::read_whole(cache::Key key, std::string uid) {
  const auto live = co_await api_.get(kube::kVideoJobs, key.namespace_, key.name);
  if (!live && kube::is_not_found(live.error())) co_return std::nullopt;
  if (!live) co_return fail(live.error());
  WAN_CO_TRY(api::VideoJob job, api::from_json<api::VideoJob>(*live));
  if (job.metadata.uid != uid || !api::is_finished(job.status)) co_return std::nullopt;
  co_return std::optional<api::VideoJob>(std::move(job));
}

// The cache does not have it of a job that has ended.
Task<Status> Reconcilers::read_result(reconcile::video_job::Observed& observed) {
  reconcile::video_job::Twin& twin = *observed.finished_twin;
  const cache::Key key{observed.job.metadata.namespace_, twin.name};
  WAN_CO_TRY(auto whole, co_await read_whole(key, twin.uid));
  if (whole) twin.result = std::move(whole->status.result);
  if (!whole || whole->status.artifact_deletion_time) observed.finished_twin.reset();
  co_return Status();
}

std::optional<WallTime> Reconcilers::unreachable_since(const api::VideoJob& job) {
  if (!job.status.assignment || api::is_finished(job.status)) return std::nullopt;
  const std::string& pod = job.status.assignment->pod_uid;
  const api::RuntimeView* view = runtimes_.view(pod);
  const bool gone = caches_.pods.by(caches_.pods_by_uid, pod).empty();
  if (!gone && (view == nullptr || !view->reachable)) {
    return unreachable_.try_emplace(pod, clock_.wall()).first->second;
  }
  unreachable_.erase(pod);
  return std::nullopt;
}

void Reconcilers::observe_twins(reconcile::video_job::Observed& observed) {
  const std::string& uid = observed.job.metadata.uid;
  if (observed.job.status.assignment || api::is_finished(observed.job.status)) return;
  const JobNotes& notes = steps_.notes(uid);
  observed.image = notes.image;
  observed.answer = notes.answer;
  const std::string& hash = observed.answer ? observed.answer->job_hash : observed.job.status.job_hash;
  execute::observe_twins(
      caches_, hash, [&](const std::string& twin) { return notes.copies_that_failed.contains(twin); },
      observed);
  if (hash.empty() || observed.running_twin) return;
  const auto claim = claims_.find(hash_key(observed.job.metadata.namespace_, hash));
  if (claim != claims_.end() && claim->second.uid != uid) {
    observed.running_twin = reconcile::video_job::Twin{claim->second.name, std::nullopt};
  }
}

// Those that wait for the video of `job`.
void Reconcilers::wake_twins_of(const api::VideoJob& job) {
  if (job.status.job_hash.empty()) return;
  const std::string hash = hash_key(job.metadata.namespace_, job.status.job_hash);
  for (const auto* other : caches_.video_jobs.by(caches_.video_jobs_by_hash, hash)) {
    const bool waits = !other->status.assignment && !api::is_finished(other->status);
    if (waits) video_jobs_.enqueue(cache::key_of(other->metadata), priority());
  }
}

void Reconcilers::reserve(const api::VideoJob& job, const reconcile::Plan& plan) {
  std::erase_if(claims_, [&](const auto& claim) { return claim.second.uid == job.metadata.uid; });
  auto* queue = caches_.queues.of(job);
  const Json* status = assigning_status(plan);
  if (status == nullptr) {
    if (queue != nullptr) queue->withdraw(job);
    return;
  }
  const std::string hash = string_or(*status, {"jobHash"}, "");
  if (!hash.empty()) {
    claims_[hash_key(job.metadata.namespace_, hash)] = Claim{job.metadata.uid, job.metadata.name};
  }
  if (queue != nullptr) queue->reserve(job, string_or(*status, {"assignment", "podUID"}, ""));
}

}  // namespace wan::execute
