#include "operator/execute/caches.h"

#include <algorithm>
#include <utility>

#include "operator/api/identifiers.h"

namespace wan::execute {
namespace {

using Values = std::vector<std::string>;

Values some(std::string value) { return value.empty() ? Values() : Values{std::move(value)}; }

template <class T>
std::string uid_of(const T& object) {
  return object.metadata.uid;
}

std::string owner_label(const api::Pod& pod) { return pod.metadata.label(api::kLabelOwnerUid); }

std::string artifacts_label(const api::Pod& pod) {
  const std::string hash = pod.metadata.label(api::kLabelArtifacts);
  return hash.empty() ? "" : joined(pod.metadata.namespace_, hash);
}

std::string deployment_of(const api::VideoJob& job) {
  const auto key = deployment_key(job);
  return key ? cache::to_string(*key) : "";
}

std::string hash_of(const api::VideoJob& job) {
  const std::string& hash = job.status.job_hash;
  return hash.empty() ? "" : hash_key(job.metadata.namespace_, hash);
}

std::string pod_of(const api::VideoJob& job) {
  return job.status.assignment && !api::is_finished(job.status) ? job.status.assignment->pod_uid : "";
}

// Most jobs of a cluster have ended, and of those little is ever looked at.
Result<api::VideoJob> read_video_job(const Json& object) {
  WAN_TRY(api::VideoJob job, api::from_json<api::VideoJob>(object));
  if (api::is_finished(job.status)) api::trim(job);
  return job;
}

template <class T>
Values controller_of(const T& object) {
  return some(object.metadata.controller ? object.metadata.controller->uid : "");
}

}  // namespace

std::string hash_key(const std::string& namespace_, const std::string& job_hash) {
  const size_t digits = job_hash.find(':') + 1;
  return joined(namespace_, job_hash.substr(digits, 16));
}

std::string joined(const std::string& namespace_, const std::string& name) { return namespace_ + "/" + name; }

Caches::Caches()
    : models("gallerymodels"),
      wan_deployments("wandeployments"),
      video_jobs("videojobs", read_video_job),
      namespaces("namespaces"),
      pods("pods"),
      deployments("deployments"),
      services("services"),
      revisions("controllerrevisions"),
      accounts("serviceaccounts"),
      policies("networkpolicies"),
      budgets("poddisruptionbudgets"),
      jobs("jobs"),
      models_by_uid(models.add_index([](const api::GalleryModel& m) { return some(uid_of(m)); })),
      wan_deployments_by_uid(
          wan_deployments.add_index([](const api::WanDeployment& d) { return some(uid_of(d)); })),
      wan_deployments_by_model(
          wan_deployments.add_index([](const api::WanDeployment& d) { return some(d.spec.model.name); })),
      video_jobs_by_uid(video_jobs.add_index([](const api::VideoJob& j) { return some(uid_of(j)); })),
      video_jobs_by_deployment(
          video_jobs.add_index([](const api::VideoJob& j) { return some(deployment_of(j)); })),
      video_jobs_by_model(video_jobs.add_index(
          [](const api::VideoJob& j) { return some(j.spec.model ? j.spec.model->name : ""); })),
      video_jobs_by_hash(video_jobs.add_index([](const api::VideoJob& j) { return some(hash_of(j)); })),
      video_jobs_by_pod(video_jobs.add_index([](const api::VideoJob& j) { return some(pod_of(j)); })),
      pods_by_uid(pods.add_index([](const api::Pod& p) { return some(uid_of(p)); })),
      pods_by_owner(pods.add_index([](const api::Pod& p) { return some(owner_label(p)); })),
      pods_by_artifacts(pods.add_index([](const api::Pod& p) { return some(artifacts_label(p)); })),
      jobs_by_owner(jobs.add_index(controller_of<api::Job>)),
      deployments_by_owner(deployments.add_index(controller_of<api::Deployment>)),
      revisions_by_owner(revisions.add_index(controller_of<api::ControllerRevision>)) {
  // The first listener: whoever listens later finds the queues in order.
  video_jobs.listen([this](const auto* before, const auto* after) { queues.job_changed(before, after); });
}

const cache::StoreBase* Caches::store_of(const kube::Resource& resource) const {
  if (resource == kube::kGalleryModels) return &models;
  if (resource == kube::kWanDeployments) return &wan_deployments;
  if (resource == kube::kVideoJobs) return &video_jobs;
  if (resource == kube::kNamespaces) return &namespaces;
  if (resource == kube::kPods) return &pods;
  if (resource == kube::kDeployments) return &deployments;
  if (resource == kube::kServices) return &services;
  if (resource == kube::kControllerRevisions) return &revisions;
  if (resource == kube::kServiceAccounts) return &accounts;
  if (resource == kube::kNetworkPolicies) return &policies;
  if (resource == kube::kPodDisruptionBudgets) return &budgets;
  if (resource == kube::kJobs) return &jobs;
  return nullptr;
}

bool Caches::synced() const {
  if (watches_namespaces && !namespaces.synced()) return false;
  return models.synced() && wan_deployments.synced() && video_jobs.synced() && pods.synced() &&
         deployments.synced() && services.synced() && revisions.synced() && accounts.synced() &&
         policies.synced() && budgets.synced() && jobs.synced();
}

CacheFeeder::CacheFeeder(asio::any_io_executor executor, kube::Api& api, const Clock& clock, Caches& caches,
                         const std::vector<std::string>& namespaces, std::function<void()> changed,
                         uint64_t jitter_seed, cache::WatchMachine::FirstRead first_read,
                         const std::string& own_namespace)
    : tasks_(std::move(executor)) {
  const std::string ours = std::string(api::kLabelManagedBy) + "=" + api::kManagedBy;
  const auto add = [&](const kube::Resource& resource, cache::StoreBase& store, const std::string& selector,
                       bool managed_fields = true) {
    Values scopes = resource.namespaced ? namespaces : Values();
    const bool of_models = resource == kube::kPods || resource == kube::kJobs;
    const bool elsewhere = !own_namespace.empty() && std::ranges::find(scopes, own_namespace) == scopes.end();
    if (scopes.empty()) {
      scopes.emplace_back();
    } else if (of_models && elsewhere) {
      scopes.push_back(own_namespace);
    }
    for (const std::string& scope : scopes) {
      cache::WatcherSettings settings;
      settings.resource = resource;
      settings.namespace_ = scope;
      settings.label_selector = selector;
      settings.managed_fields = managed_fields;
      settings.first_read = first_read;
      settings.jitter_seed = jitter_seed + watchers_.size();
      watchers_.push_back(
          std::make_unique<cache::Watcher>(api, clock, std::move(settings), store.writer(scope), changed));
    }
  };
  add(kube::kGalleryModels, caches.models, "", false);
  add(kube::kWanDeployments, caches.wan_deployments, "", false);
  add(kube::kVideoJobs, caches.video_jobs, "", false);
  // A namespace is read by whoever has rights in all of them.
  caches.watches_namespaces = namespaces.empty();
  if (caches.watches_namespaces) add(kube::kNamespaces, caches.namespaces, "", false);
  add(kube::kPods, caches.pods, ours, false);
  add(kube::kDeployments, caches.deployments, ours);
  add(kube::kServices, caches.services, ours);
  add(kube::kControllerRevisions, caches.revisions, ours);
  add(kube::kServiceAccounts, caches.accounts, ours);
  add(kube::kNetworkPolicies, caches.policies, ours);
  add(kube::kPodDisruptionBudgets, caches.budgets, ours);
  add(kube::kJobs, caches.jobs, ours, false);
}

void CacheFeeder::start() {
  for (const auto& watcher : watchers_) tasks_.spawn("watcher", watcher->run());
}

Task<void> CacheFeeder::stop() {
  tasks_.cancel();
  co_await tasks_.join();
}

std::string CacheFeeder::troubles() const {
  std::string text;
  for (const auto& watcher : watchers_) {
    const std::string trouble = watcher->trouble();
    if (!trouble.empty()) text += (text.empty() ? "" : "\n") + trouble;
  }
  return text;
}

}  // namespace wan::execute
