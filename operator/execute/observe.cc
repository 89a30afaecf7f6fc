#include "operator/execute/observe.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/kube/api_error.h"
#include "operator/reconcile/objects/artifact_target.h"
#include "operator/reconcile/objects/names.h"

namespace wan::execute {
namespace {

template <class T>
std::optional<T> copy(const T* found) {
  return found == nullptr ? std::nullopt : std::optional<T>(*found);
}

template <class T>
std::vector<T> copies(const std::vector<const T*>& found) {
  std::vector<T> values;
  values.reserve(found.size());
  for (const T* one : found) values.push_back(*one);
  return values;
}

// With the jobs that `keep` wants alone: a pod remembers hundreds that have ended.
template <class Keep>
api::RuntimeView trimmed(const api::RuntimeView& view, const Keep& keep) {
  api::RuntimeView result{.pod_uid = view.pod_uid,
                          .reachable = view.reachable,
                          .phase = view.phase,
                          .message = view.message,
                          .model_name = view.model_name,
                          .model_digest = view.model_digest,
                          .numerics_id = view.numerics_id};
  result.weights = view.weights;
  std::ranges::copy_if(view.jobs, std::back_inserter(result.jobs), keep);
  return result;
}

bool is_unfinished(const api::JobState& state) { return !state.finished(); }

template <class T>
std::vector<const T*> in_namespace(const cache::Store<T>& store, const std::string& namespace_) {
  std::vector<const T*> found;
  const auto& all = store.all();
  for (auto it = all.lower_bound(cache::Key{namespace_, ""});
       it != all.end() && it->first.namespace_ == namespace_; ++it) {
    found.push_back(&it->second);
  }
  return found;
}

void note_jobs(const Caches& caches, const dispatch::Runtimes& runtimes, const cache::Key& key,
               reconcile::wan_deployment::Observed& observed) {
  if (observed.deployment.spec.scaling) {
    const std::string served_by = joined(key.namespace_, key.name);
    for (const api::VideoJob* job : caches.video_jobs.by(caches.video_jobs_by_deployment, served_by)) {
      if (const auto load = reconcile::wan_deployment::load_of(*job)) observed.loads.push_back(*load);
    }
  }
  for (const api::Pod& pod : observed.pods) {
    const std::string& uid = pod.metadata.uid;
    if (!caches.video_jobs.by(caches.video_jobs_by_pod, uid).empty()) observed.assigned_pods.insert(uid);
    const api::RuntimeView* view = runtimes.view(uid);
    if (view == nullptr) continue;
    observed.runtimes.push_back(trimmed(*view, is_unfinished));
    for (const api::JobState& job : observed.runtimes.back().jobs) {
      if (caches.video_jobs.by(caches.video_jobs_by_uid, job.uid).empty()) continue;
      observed.video_job_uids.insert(job.uid);
    }
  }
}

// At most one: the oldest object of the namespace that is `wanted` and not on its way out, or not without us.
template <class T, class Wanted>
std::vector<T> oldest(const cache::Store<T>& store, const std::string& namespace_, const Wanted& wanted) {
  const T* first = nullptr;
  const auto order = [](const T* one) { return std::tie(one->metadata.created, one->metadata.name); };
  for (const T* one : in_namespace(store, namespace_)) {
    if ((one->metadata.deleted && one->metadata.finalizers.empty()) || !wanted(*one)) continue;
    if (first == nullptr || order(one) < order(first)) first = one;
  }
  return first == nullptr ? std::vector<T>() : std::vector<T>{*first};
}

template <class T>
Task<Status> look_up(kube::Api& api, kube::Resource resource, cache::Key key, std::optional<T>& into) {
  if (into) co_return Status();
  auto live = co_await api.get(resource, key.namespace_, key.name);
  if (!live && kube::is_not_found(live.error())) co_return Status();
  if (!live) co_return fail(live.error());
  WAN_CO_TRY(into, api::from_json<T>(*live));
  co_return Status();
}

}  // namespace

const api::WanDeployment* deployment_of(const Caches& caches, const api::VideoJob& job) {
  const auto key = deployment_key(job);
  return key ? caches.wan_deployments.find(*key) : nullptr;
}

namespace {

// Without rights to read namespaces, the one label that every namespace has.
std::map<std::string, std::string> labels_of_namespace(const Caches& caches, const std::string& name) {
  const api::Namespace* known = caches.namespaces.find(cache::Key{"", name});
  if (known != nullptr) return known->labels;
  return {{"kubernetes.io/metadata.name", name}};
}

}  // namespace

std::optional<reconcile::gallery_model::Observed> observe_gallery_model(const Caches& caches,
                                                                        const cache::Key& key) {
  const api::GalleryModel* model = caches.models.find(key);
  if (model == nullptr) return std::nullopt;
  const std::string& uid = model->metadata.uid;
  return reconcile::gallery_model::Observed{*model, copies(caches.jobs.by(caches.jobs_by_owner, uid)),
                                            copies(caches.pods.by(caches.pods_by_owner, uid))};
}

std::optional<reconcile::wan_deployment::Observed> observe_wan_deployment(const Caches& caches,
                                                                          const dispatch::Runtimes& runtimes,
                                                                          const cache::Key& key) {
  const api::WanDeployment* deployment = caches.wan_deployments.find(key);
  if (deployment == nullptr) return std::nullopt;
  reconcile::wan_deployment::Observed observed;
  observed.deployment = *deployment;
  observed.model = copy(caches.models.find(cache::Key{"", deployment->spec.model.name}));
  const std::string& uid = deployment->metadata.uid;
  observed.children = copies(caches.deployments.by(caches.deployments_by_owner, uid));
  // Artifact servers are a matter of their stores, whoever owns them.
  std::erase_if(observed.children, [](const api::Deployment& child) {
    return !child.metadata.label(api::kLabelArtifacts).empty();
  });
  observed.revisions = copies(caches.revisions.by(caches.revisions_by_owner, uid));
  const cache::Key companion{key.namespace_, reconcile::pod_companion_name(*deployment)};
  observed.account = copy(caches.accounts.find(companion));
  observed.policy = copy(caches.policies.find(companion));
  observed.budget = copy(caches.budgets.find(companion));
  observed.service = copy(caches.services.find(key));
  observed.pods = copies(caches.pods.by(caches.pods_by_owner, uid));
  note_jobs(caches, runtimes, key, observed);
  return observed;
}

namespace {

void show(const dispatch::Runtimes& runtimes, const api::Pod& pod, reconcile::video_job::Observed& observed) {
  observed.pods.push_back(pod);
  const api::RuntimeView* view = runtimes.view(pod.metadata.uid);
  if (view == nullptr) return;
  const auto of_this_job = [&](const api::JobState& state) { return state.uid == observed.job.metadata.uid; };
  observed.runtimes.push_back(trimmed(*view, of_this_job));
}

// The turn of a job that waits; of a deployment's pods only those that concern the job.
void observe_replicas(const Caches& caches, const dispatch::Runtimes& runtimes,
                      const api::WanDeployment* deployment, reconcile::video_job::Observed& observed) {
  const api::VideoJob& job = observed.job;
  const std::string assigned = job.status.assignment ? job.status.assignment->pod_uid : "";
  for (const api::Pod* pod : caches.pods.by(caches.pods_by_uid, assigned)) show(runtimes, *pod, observed);
  if (deployment == nullptr || api::is_finished(job.status)) return;
  const FreePods free = free_pods(caches, runtimes, deployment->metadata.uid);
  const auto& queue = caches.queues.of(cache::key_of(deployment->metadata));
  auto& turn = observed.turn;
  turn.replica_ready = free.replicas > 0;
  turn.pod_uid = queue.pod_for(job, free.uids);
  const size_t before = queue.before(job);
  turn.before = reconcile::video_job::rounded_place(before);
  turn.seconds = queue.seconds_until_turn(turn.before, free.replicas);
  for (const api::Pod* pod : caches.pods.by(caches.pods_by_owner, deployment->metadata.uid)) {
    const std::string& uid = pod->metadata.uid;
    if (uid == assigned) continue;
    const api::RuntimeView* view = runtimes.view(uid);
    if (uid == turn.pod_uid || (view != nullptr && view->job(job.metadata.uid) != nullptr)) {
      show(runtimes, *pod, observed);
    }
  }
}

}  // namespace

FreePods free_pods(const Caches& caches, const dispatch::Runtimes& runtimes,
                   const std::string& deployment_uid) {
  FreePods result;
  for (const api::Pod* pod : caches.pods.by(caches.pods_by_owner, deployment_uid)) {
    const api::RuntimeView* view = runtimes.view(pod->metadata.uid);
    if (!reconcile::video_job::can_make_videos(*pod, view)) continue;
    ++result.replicas;
    if (reconcile::video_job::is_free(*pod, view)) result.uids.push_back(pod->metadata.uid);
  }
  return result;
}

namespace {

reconcile::video_job::ArtifactServer server_of(const Caches& caches, const std::string& namespace_,
                                               const reconcile::ArtifactTarget& target) {
  reconcile::video_job::ArtifactServer server;
  const std::string identity = reconcile::identity_of(target);
  if (identity.empty()) return server;
  const cache::Key name{namespace_, reconcile::artifact_server_name(identity)};
  server.deployment = copy(caches.deployments.find(name));
  server.service = copy(caches.services.find(name));
  server.pods = copies(
      caches.pods.by(caches.pods_by_artifacts, joined(namespace_, reconcile::identity_hash(identity))));
  return server;
}

bool names(const api::VideoJob& job, const std::string& target) {
  return std::ranges::any_of(reconcile::own_targets(job), [&](const reconcile::ArtifactTarget& one) {
    return reconcile::identity_of(one) == target;
  });
}

}  // namespace

std::optional<reconcile::video_job::Observed> observe_video_job(const Caches& caches,
                                                                const dispatch::Runtimes& runtimes,
                                                                const cache::Key& key) {
  const api::VideoJob* job = caches.video_jobs.find(key);
  if (job == nullptr) return std::nullopt;
  reconcile::video_job::Observed observed;
  observed.job = *job;
  const api::WanDeployment* deployment = deployment_of(caches, *job);
  observed.deployment = copy(deployment);
  if (deployment != nullptr && deployment->metadata.namespace_ != key.namespace_) {
    observed.namespace_labels = labels_of_namespace(caches, key.namespace_);
  }
  if (job->spec.model) {
    observed.model = copy(caches.models.find(cache::Key{"", job->spec.model->name}));
    observed.runs = copies(caches.jobs.by(caches.jobs_by_owner, job->metadata.uid));
    for (const api::Pod* pod : caches.pods.by(caches.pods_by_owner, job->metadata.uid)) {
      show(runtimes, *pod, observed);
    }
  } else {
    observe_replicas(caches, runtimes, deployment, observed);
  }
  observed.artifacts = server_of(caches, key.namespace_, reconcile::artifact_target(*job, deployment));
  observed.pictures = server_of(caches, key.namespace_, reconcile::image_target(*job));
  return observed;
}

void observe_twins(const Caches& caches, const std::string& job_hash,
                   const std::function<bool(const std::string&)>& unusable,
                   reconcile::video_job::Observed& observed) {
  if (job_hash.empty()) return;
  const api::VideoJob& job = observed.job;
  const auto target = reconcile::artifact_target(job, deployment_of(caches, job));
  const std::string key = hash_key(job.metadata.namespace_, job_hash);
  for (const api::VideoJob* other : caches.video_jobs.by(caches.video_jobs_by_hash, key)) {
    const api::VideoJobStatus& status = other->status;
    if (other->metadata.uid == job.metadata.uid || other->metadata.deleted || status.job_hash != job_hash)
      continue;
    if (reconcile::artifact_target(*other, deployment_of(caches, *other)) != target) continue;
    const reconcile::video_job::Twin twin{other->metadata.name, std::nullopt, other->metadata.uid};
    const bool has_video = status.phase == api::job_phase::kSucceeded && !status.artifact_deletion_time &&
                           !unusable(other->metadata.uid);
    if (has_video && !observed.finished_twin) observed.finished_twin = twin;
    if (status.assignment && !api::is_finished(status) && !observed.running_twin)
      observed.running_twin = twin;
  }
}

reconcile::artifacts::Observed observe_artifacts(const Caches& caches, const cache::Key& key) {
  reconcile::artifacts::Observed observed;
  observed.namespace_ = key.namespace_;
  observed.target = key.name;
  observed.deployments = oldest(caches.wan_deployments, key.namespace_, [&](const auto& deployment) {
    return reconcile::identity_of(reconcile::artifact_target(deployment)) == key.name;
  });
  observed.jobs =
      oldest(caches.video_jobs, key.namespace_, [&](const auto& job) { return names(job, key.name); });
  const cache::Key server{key.namespace_, reconcile::artifact_server_name(key.name)};
  observed.deployment = copy(caches.deployments.find(server));
  observed.service = copy(caches.services.find(server));
  return observed;
}

namespace {

// Of two seconds one may be what the creation's time lacks: it has whole ones.
constexpr std::chrono::seconds kPatienceForPods{2};

const api::Job* run_without_pod(const reconcile::video_job::Observed& observed, WallTime now) {
  const api::VideoJob& job = observed.job;
  if (!job.spec.model || job.status.assignment || api::is_finished(job.status)) return nullptr;
  const std::string name = reconcile::run_job_name(job, job.status.attempts);
  for (const api::Job& run : observed.runs) {
    const bool ended = run.complete() || run.failure() != nullptr || run.metadata.deleted;
    if (run.metadata.name != name || ended || run.active > 0) continue;
    if (now < run.metadata.created.value_or(now) + kPatienceForPods) continue;
    const bool has_pod = std::ranges::any_of(
        observed.pods, [&](const api::Pod& pod) { return pod.metadata.controlled_by(run.metadata.uid); });
    if (!has_pod) return &run;
  }
  return nullptr;
}

}  // namespace

// Events have no index: the API server reads all those of the namespace for it.
Task<void> look_for_refusal(kube::Api& api, WallTime now, reconcile::video_job::Observed& observed) {
  const api::Job* run = run_without_pod(observed, now);
  if (run == nullptr) co_return;
  kube::ListOptions options;
  options.namespace_ = run->metadata.namespace_;
  options.field_selector = "regarding.uid=" + run->metadata.uid + ",reason=FailedCreate";
  const auto page = co_await api.list(kube::kEvents, std::move(options));
  // Without it the job only says that there is no pod yet.
  if (!page) co_return;
  for (const Json& event : page->items) {
    if (string_or(event, {"reason"}, "") == "FailedCreate")
      observed.run_refusal = string_or(event, {"note"}, "");
  }
}

Task<Status> look_for_others(kube::Api& api, reconcile::wan_deployment::Observed& observed) {
  const cache::Key key = cache::key_of(observed.deployment.metadata);
  co_return co_await look_up(api, kube::kServices, key, observed.service);
}

Task<Status> look_for_others(kube::Api& api, reconcile::artifacts::Observed& observed) {
  if (observed.deployments.empty() && observed.jobs.empty()) co_return Status();
  const cache::Key key{observed.namespace_, reconcile::artifact_server_name(observed.target)};
  WAN_CO_TRY_VOID(co_await look_up(api, kube::kDeployments, key, observed.deployment));
  co_return co_await look_up(api, kube::kServices, key, observed.service);
}

}  // namespace wan::execute
