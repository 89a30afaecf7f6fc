#include "operator/execute/reconcilers.h"

#include <algorithm>
#include <utility>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/execute/observe.h"
#include "operator/reconcile/objects/artifact_server.h"
#include "operator/reconcile/objects/names.h"

namespace wan::execute {
namespace {

// Progress is passed on about once a second and job.
constexpr std::chrono::milliseconds kProgressDelay{1'000};
// Places in a queue are told again that often at most: together some hundred status writes a second.
std::chrono::milliseconds places_interval(size_t waiting) {
  return std::chrono::milliseconds(1'000 + 10 * static_cast<int64_t>(waiting));
}

// Each waits most of its time for the API server: with fewer, a full queue waits for latencies.
constexpr int kVideoJobWorkers = 16;

controller::ControllerSettings named(std::string name, int workers, metrics::Registry* metrics) {
  controller::ControllerSettings settings;
  settings.metrics = metrics;
  settings.name = std::move(name);
  settings.workers = workers;
  settings.retry.cap = std::chrono::seconds(60);
  return settings;
}

// Of what a job that waits tells its user: why its deployment has no replica, and what that may change.
bool is_news(const api::WanDeployment* before, const api::WanDeployment* after) {
  if (before == nullptr || after == nullptr) return true;
  const auto reason = [](const api::WanDeployment& deployment) {
    const api::Condition* ready = find_condition(deployment.status.conditions, api::kReady);
    return ready == nullptr ? "" : ready->reason;
  };
  return before->metadata.generation != after->metadata.generation || reason(*before) != reason(*after);
}

// The job waits for its artifact server, or has not been handed over for want of it.
bool may_need_server(const api::VideoJob& job) {
  const api::Condition* ready = find_condition(job.status.conditions, api::kReady);
  return ready == nullptr || ready->reason == api::reason::kWaitingForArtifactServer ||
         ready->reason == api::reason::kNoArtifactStore || ready->reason == api::reason::kAssigned;
}

// A replica may have become free, or is one no more.
bool frees_or_takes(const api::VideoJob* before, const api::VideoJob* after) {
  using reconcile::video_job::stands_in_line;
  if (before == nullptr || after == nullptr) return true;
  return before->status.phase != after->status.phase ||
         before->status.assignment != after->status.assignment ||
         before->spec.priority != after->spec.priority || stands_in_line(*before) != stands_in_line(*after);
}

}  // namespace

std::string owner_name(std::string_view kind, const cache::Key& key) {
  return std::string(kind) + " " + cache::to_string(key);
}

Reconcilers::Reconcilers(asio::any_io_executor executor, kube::Api& api, const Clock& clock, Caches& caches,
                         dispatch::Runtimes& runtimes, Executor& steps, WriteGate& gate,
                         reconcile::Settings settings, metrics::Registry* metrics)
    : api_(api),
      clock_(clock),
      caches_(caches),
      runtimes_(runtimes),
      steps_(steps),
      gate_(gate),
      settings_(std::move(settings)),
      models_(executor, clock, named("gallerymodel", 2, metrics),
              [this](cache::Key key) { return reconcile_model(std::move(key)); }),
      wan_deployments_(executor, clock, named("wandeployment", 4, metrics),
                       [this](cache::Key key) { return reconcile_wan_deployment(std::move(key)); }),
      video_jobs_(executor, clock, named("videojob", kVideoJobWorkers, metrics),
                  [this](cache::Key key) { return reconcile_video_job(std::move(key)); }),
      artifacts_(executor, clock, named("artifacts", 2, metrics),
                 [this](cache::Key key) { return reconcile_artifacts(std::move(key)); }),
      queues_(executor, clock, named("queue", 1, metrics),
              [this](cache::Key key) { return reconcile_queue(std::move(key)); }),
      tasks_(executor) {
  listen();
}

void Reconcilers::listen() {
  caches_.models.listen([this](const auto* before, const auto* after) {
    if (after != nullptr) models_.enqueue(cache::key_of(after->metadata), priority(before, after));
    on_model(after != nullptr ? *after : *before);
  });
  caches_.wan_deployments.listen(
      [this](const auto* before, const auto* after) { on_wan_deployment(before, after); });
  caches_.video_jobs.listen([this](const auto* before, const auto* after) { on_video_job(before, after); });
  caches_.pods.listen([this](const auto* before, const auto* after) { on_pod(before, after); });
  caches_.namespaces.listen([this](const auto* before, const auto* after) {
    wake_guests_of((after != nullptr ? after : before)->metadata.name);
  });
  const auto child = [this](const auto* before, const auto* after) {
    on_child(after != nullptr ? after->metadata : before->metadata);
  };
  caches_.deployments.listen(child);
  caches_.services.listen(child);
  caches_.revisions.listen(child);
  caches_.accounts.listen(child);
  caches_.policies.listen(child);
  caches_.budgets.listen(child);
  caches_.jobs.listen(child);
}

Task<void> Reconcilers::run() {
  runtimes_.start();
  for (const auto& [key, pod] : caches_.pods.all()) runtimes_.pod_changed(nullptr, &pod);
  tasks_.spawn("gallerymodel controller", models_.run());
  tasks_.spawn("wandeployment controller", wan_deployments_.run());
  tasks_.spawn("videojob controller", video_jobs_.run());
  tasks_.spawn("artifacts controller", artifacts_.run());
  tasks_.spawn("queue controller", queues_.run());
  co_await tasks_.join();
}

void Reconcilers::stop() {
  for (auto* controller : {&models_, &wan_deployments_, &video_jobs_, &artifacts_, &queues_})
    controller->stop();
}

void Reconcilers::cancel() {
  for (auto* controller : {&models_, &wan_deployments_, &video_jobs_, &artifacts_, &queues_})
    controller->cancel();
}

// What is there at the start can wait: everything is looked at then.
controller::Priority Reconcilers::priority() const {
  return caches_.synced() ? controller::Priority::kNormal : controller::Priority::kLow;
}

template <class T>
controller::Priority Reconcilers::priority(const T* before, const T* after) const {
  if (!caches_.synced()) return controller::Priority::kLow;
  const bool by_user = before == nullptr || after == nullptr ||
                       before->metadata.generation != after->metadata.generation ||
                       before->metadata.deleted != after->metadata.deleted;
  return by_user ? controller::Priority::kHigh : controller::Priority::kNormal;
}

void Reconcilers::on_model(const api::GalleryModel& model) {
  const std::string& name = model.metadata.name;
  for (const auto* deployment : caches_.wan_deployments.by(caches_.wan_deployments_by_model, name)) {
    wan_deployments_.enqueue(cache::key_of(deployment->metadata), priority());
  }
  for (const auto* job : caches_.video_jobs.by(caches_.video_jobs_by_model, name)) {
    if (!api::is_finished(job->status)) video_jobs_.enqueue(cache::key_of(job->metadata), priority());
  }
}

void Reconcilers::on_wan_deployment(const api::WanDeployment* before, const api::WanDeployment* after) {
  for (const api::WanDeployment* state : {before, after}) {
    if (state == nullptr) continue;
    wake_server(state->metadata.namespace_, reconcile::identity_of(reconcile::artifact_target(*state)));
  }
  const api::Meta& meta = after != nullptr ? after->metadata : before->metadata;
  if (after == nullptr) {
    steps_.forget(meta.uid);
    looked_after_.erase(meta.uid);
  }
  const cache::Key key = cache::key_of(meta);
  wan_deployments_.enqueue(key, priority(before, after));
  if (is_news(before, after)) {
    wake_jobs_of(key);
  } else {
    queues_.enqueue(key, priority());
  }
}

void Reconcilers::on_video_job(const api::VideoJob* before, const api::VideoJob* after) {
  const api::VideoJob& job = after != nullptr ? *after : *before;
  video_jobs_.enqueue(cache::key_of(job.metadata), priority(before, after));
  if (frees_or_takes(before, after)) {
    wake_twins_of(job);
    if (before != nullptr) wake_twins_of(*before);
    wake_queue_of(job);
    wake_deployment_of(job);
  }
  const bool shown = after == nullptr || after->status.assignment || api::is_finished(after->status);
  if (shown) std::erase_if(claims_, [&](const auto& claim) { return claim.second.uid == job.metadata.uid; });
  if (after != nullptr && api::is_finished(after->status)) steps_.forget(job.metadata.uid);
  if (after != nullptr && api::is_finished(after->status) && after->status.assignment) {
    runtimes_.forget_job(after->status.assignment->pod_uid, after->metadata.uid);
  }
  // The servers of a new job, and those that one needs no more.
  const bool ends = before != nullptr && !api::is_finished(before->status) && api::is_finished(job.status);
  if (ends && before->spec.image) wake_servers_of(*before, true);
  if (before != nullptr && after != nullptr) return;
  wake_servers_of(job, after == nullptr);
  if (after != nullptr) return;
  steps_.forget(job.metadata.uid);
  // Whatever still works for the deleted job must be told to end.
  if (job.spec.deployment_ref) {
    wan_deployments_.enqueue(*deployment_key(job), priority());
  }
}

void Reconcilers::on_pod(const api::Pod* before, const api::Pod* after) {
  runtimes_.pod_changed(before, after);
  const api::Meta& meta = after != nullptr ? after->metadata : before->metadata;
  wake_pod_owner(meta.label(api::kLabelOwnerUid));
  wake_pod_jobs(meta.uid);
  if (after == nullptr) unreachable_.erase(meta.uid);
  if (!meta.label(api::kLabelArtifacts).empty()) wake_held_jobs_in(meta.namespace_);
}

void Reconcilers::on_child(const api::Meta& child) {
  if (const std::string target = reconcile::target_of(child); !target.empty()) {
    wake_server(child.namespace_, target);
    wake_held_jobs_in(child.namespace_);
    return;
  }
  wake_owner(child);
}

// The owner by its UID, and whoever else has the child's name and may have waited for it to go.
void Reconcilers::wake_owner(const api::Meta& child) {
  if (child.controller) {
    if (child.controller->kind == "WanDeployment") {
      wan_deployments_.enqueue(cache::Key{child.namespace_, child.controller->name}, priority());
    }
    if (child.controller->kind == "GalleryModel") {
      models_.enqueue(cache::Key{"", child.controller->name}, priority());
    }
    if (child.controller->kind == "VideoJob") {
      video_jobs_.enqueue(cache::Key{child.namespace_, child.controller->name}, priority());
    }
  }
  const cache::Key same_name{child.namespace_, child.name};
  if (caches_.wan_deployments.contains(same_name)) wan_deployments_.enqueue(same_name, priority());
}

void Reconcilers::wake_pod_owner(const std::string& owner_uid) {
  if (owner_uid.empty()) return;
  for (const auto* deployment : caches_.wan_deployments.by(caches_.wan_deployments_by_uid, owner_uid)) {
    const cache::Key key = cache::key_of(deployment->metadata);
    wan_deployments_.enqueue(key, priority());
    queues_.enqueue(key, priority());
  }
  for (const auto* job : caches_.video_jobs.by(caches_.video_jobs_by_uid, owner_uid)) {
    video_jobs_.enqueue(cache::key_of(job->metadata), priority());
  }
  for (const auto* model : caches_.models.by(caches_.models_by_uid, owner_uid)) {
    models_.enqueue(cache::key_of(model->metadata), priority());
  }
}

void Reconcilers::wake_pod_jobs(const std::string& pod_uid) {
  for (const auto* job : caches_.video_jobs.by(caches_.video_jobs_by_pod, pod_uid)) {
    video_jobs_.enqueue(cache::key_of(job->metadata), priority());
  }
}

void Reconcilers::wake_jobs_of(const cache::Key& deployment) {
  const std::string served_by = cache::to_string(deployment);
  for (const auto* job : caches_.video_jobs.by(caches_.video_jobs_by_deployment, served_by)) {
    if (!api::is_finished(job->status)) video_jobs_.enqueue(cache::key_of(job->metadata), priority());
  }
}

void Reconcilers::wake_held_jobs_in(const std::string& namespace_) {
  const auto& all = caches_.video_jobs.all();
  for (auto it = all.lower_bound(cache::Key{namespace_, ""});
       it != all.end() && it->first.namespace_ == namespace_; ++it) {
    const api::VideoJob& job = it->second;
    if (!api::is_finished(job.status) && may_need_server(job)) video_jobs_.enqueue(it->first, priority());
  }
}

// Jobs whose deployment is in another namespace: that may admit them by the labels of theirs.
void Reconcilers::wake_guests_of(const std::string& namespace_) {
  const auto& all = caches_.video_jobs.all();
  for (auto it = all.lower_bound(cache::Key{namespace_, ""});
       it != all.end() && it->first.namespace_ == namespace_; ++it) {
    const api::VideoJob& job = it->second;
    const auto key = deployment_key(job);
    const bool is_guest = key && key->namespace_ != namespace_;
    if (is_guest && !api::is_finished(job.status)) video_jobs_.enqueue(it->first, priority());
  }
}

void Reconcilers::wake_queue_of(const api::VideoJob& job) {
  if (const auto key = deployment_key(job)) queues_.enqueue(*key, priority());
}

// A server that is there needs another look only when the job that owns it needs it no more.
void Reconcilers::wake_servers_of(const api::VideoJob& job, bool left) {
  for (const reconcile::ArtifactTarget& one : reconcile::own_targets(job)) {
    const std::string target = reconcile::identity_of(one);
    const cache::Key server{job.metadata.namespace_, reconcile::artifact_server_name(target)};
    const api::Deployment* deployment = caches_.deployments.find(server);
    const bool complete = deployment != nullptr && caches_.services.contains(server);
    if (complete && !(left && deployment->metadata.controlled_by(job.metadata.uid))) continue;
    wake_server(job.metadata.namespace_, target);
  }
}

// A deployment scales with its jobs, and waits for those of the pods that it drains.
void Reconcilers::wake_deployment_of(const api::VideoJob& job) {
  const api::WanDeployment* deployment = deployment_of(caches_, job);
  if (deployment == nullptr) return;
  const auto& pods = caches_.pods.by(caches_.pods_by_owner, deployment->metadata.uid);
  const bool drains = std::ranges::any_of(
      pods, [](const api::Pod* pod) { return !pod->metadata.annotation(api::kAnnotationDraining).empty(); });
  if (drains || deployment->spec.scaling)
    wan_deployments_.enqueue(cache::key_of(deployment->metadata), priority());
}

void Reconcilers::wake_server(const std::string& namespace_, const std::string& target) {
  if (!target.empty()) artifacts_.enqueue(cache::Key{namespace_, target}, priority());
}

void Reconcilers::runtime_changed(const dispatch::PodRef& pod, const dispatch::Change& change) {
  if (change.runtime) {
    wake_pod_owner(pod.owner_uid);
    wake_pod_jobs(pod.uid);
  }
  const auto wake = [this](const std::string& job_uid, std::chrono::milliseconds delay) {
    for (const auto* job : caches_.video_jobs.by(caches_.video_jobs_by_uid, job_uid)) {
      video_jobs_.enqueue_after(cache::key_of(job->metadata), delay);
    }
  };
  for (const std::string& uid : change.jobs) {
    wake(uid, std::chrono::milliseconds(0));
    const auto& jobs = caches_.video_jobs.by(caches_.video_jobs_by_uid, uid);
    if (jobs.empty() || api::is_finished(jobs.front()->status)) runtimes_.forget_job(pod.uid, uid);
  }
  for (const std::string& uid : change.progress) wake(uid, kProgressDelay);
  // A job that the pod has and no VideoJob stands for is the WanDeployment's to cancel; and a pod that ended
  // one has a place for the next.
  if (!change.jobs.empty()) wake_pod_owner(pod.owner_uid);
}

Task<Result<controller::Outcome>> Reconcilers::reconcile_model(cache::Key key) {
  const std::string owner = owner_name("GalleryModel", key);
  if (const auto wait = gate_.blocked(owner); wait.count() > 0) co_return controller::Outcome{wait};
  auto observed = observe_gallery_model(caches_, key);
  if (!observed) co_return controller::Outcome();
  reconcile::Plan plan = reconcile::gallery_model::plan(*observed, settings_, clock_.wall());
  co_return co_await carry_out(owner, std::move(plan));
}

Task<Result<controller::Outcome>> Reconcilers::reconcile_wan_deployment(cache::Key key) {
  const std::string owner = owner_name("WanDeployment", key);
  if (const auto wait = gate_.blocked(owner); wait.count() > 0) co_return controller::Outcome{wait};
  auto observed = observe_wan_deployment(caches_, runtimes_, key);
  if (!observed) co_return controller::Outcome();
  WAN_CO_TRY_VOID(co_await look_for_others(api_, *observed));
  const std::string uid = observed->deployment.metadata.uid;
  observed->first_look = !looked_after_.contains(uid);
  reconcile::Plan plan = reconcile::wan_deployment::plan(*observed, settings_, clock_.wall());
  auto outcome = co_await carry_out(owner, std::move(plan));
  if (outcome) looked_after_.insert(uid);
  co_return outcome;
}

Task<Result<controller::Outcome>> Reconcilers::reconcile_queue(cache::Key key) {
  controller::Outcome outcome;
  const api::WanDeployment* deployment = caches_.wan_deployments.find(key);
  const auto& queue = caches_.queues.of(key);
  if (deployment == nullptr || queue.waiting() == 0) {
    places_told_.erase(key);
    co_return outcome;
  }
  const auto wake = [this](const reconcile::video_job::Ticket* ticket) {
    video_jobs_.enqueue(cache::Key{ticket->namespace_, ticket->name}, priority());
  };
  const FreePods free = free_pods(caches_, runtimes_, deployment->metadata.uid);
  std::ranges::for_each(queue.first(std::max<size_t>(free.uids.size(), 1)), wake);
  const SteadyTime now = clock_.steady();
  const auto [told, first_time] = places_told_.try_emplace(key, now);
  const SteadyTime due = first_time ? now : told->second + places_interval(queue.waiting());
  if (now < due) {
    outcome.requeue_after = std::chrono::ceil<std::chrono::milliseconds>(due - now);
  } else {
    told->second = now;
    std::ranges::for_each(queue.told_wrong(), wake);
  }
  co_return outcome;
}

Task<Result<controller::Outcome>> Reconcilers::reconcile_artifacts(cache::Key key) {
  const std::string owner = owner_name("artifact server", key);
  if (const auto wait = gate_.blocked(owner); wait.count() > 0) co_return controller::Outcome{wait};
  auto observed = observe_artifacts(caches_, key);
  WAN_CO_TRY_VOID(co_await look_for_others(api_, observed));
  reconcile::Plan plan = reconcile::artifacts::plan(observed, settings_, clock_.wall());
  co_return co_await carry_out(owner, std::move(plan));
}

Task<Result<controller::Outcome>> Reconcilers::carry_out(std::string owner, reconcile::Plan plan) {
  controller::Outcome outcome;
  outcome.requeue_after = plan.requeue_after;
  WAN_CO_TRY_VOID(co_await steps_.run(std::move(owner), std::move(plan)));
  co_return outcome;
}

}  // namespace wan::execute
