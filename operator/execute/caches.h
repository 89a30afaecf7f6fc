#pragma once
// The stores of everything the operator watches, with the indexes that observing needs.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async/task_group.h"
#include "operator/api/children.h"
#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/cache/store.h"
#include "operator/cache/watcher.h"
#include "operator/execute/queues.h"

namespace wan::execute {

struct Caches {
  Caches();
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  cache::Store<api::GalleryModel> models;
  cache::Store<api::WanDeployment> wan_deployments;
  cache::Store<api::VideoJob> video_jobs;
  cache::Store<api::Namespace> namespaces;  // while all are watched; else it stays empty
  // Only objects labelled app.kubernetes.io/managed-by=wan-operator:
  cache::Store<api::Pod> pods;
  cache::Store<api::Deployment> deployments;
  cache::Store<api::Service> services;
  cache::Store<api::ControllerRevision> revisions;
  cache::Store<api::ServiceAccount> accounts;
  cache::Store<api::NetworkPolicy> policies;
  cache::Store<api::PodDisruptionBudget> budgets;
  cache::Store<api::Job> jobs;

  size_t models_by_uid;
  size_t wan_deployments_by_uid;
  size_t wan_deployments_by_model;  // spec.model.name
  size_t video_jobs_by_uid;
  size_t video_jobs_by_deployment;  // "NAMESPACE/NAME" of spec.deploymentRef
  size_t video_jobs_by_model;       // spec.model.name
  size_t video_jobs_by_hash;        // "NAMESPACE/HASH" of status.jobHash: see hash_key()
  size_t video_jobs_by_pod;         // status.assignment.podUID, of unfinished jobs
  size_t pods_by_uid;
  size_t pods_by_owner;      // label wan.gallery/owner-uid
  size_t pods_by_artifacts;  // "NAMESPACE/HASH" of the label wan.gallery/artifacts
  // UID of the controlling owner:
  size_t jobs_by_owner;
  size_t deployments_by_owner;
  size_t revisions_by_owner;

  // Whose turn it is, deployment by deployment: as `video_jobs` says.
  Queues queues;

  // The store of a resource; nullptr if it is not watched.
  [[nodiscard]] const cache::StoreBase* store_of(const kube::Resource& resource) const;
  [[nodiscard]] bool synced() const;
  bool watches_namespaces = false;
};

// Of jobs that make the same video in one namespace; the first 16 digits are enough to find them by.
[[nodiscard]] std::string hash_key(const std::string& namespace_, const std::string& job_hash);
[[nodiscard]] std::string joined(const std::string& namespace_, const std::string& name);

// Keeps the caches filled: one watcher per resource, and per namespace unless all are watched.
class CacheFeeder {
 public:
  // `namespaces` empty: the whole cluster. In `own_namespace` only the Jobs of GalleryModels are looked
  // after, if it is none of them. `changed` is called after each step of each watcher.
  CacheFeeder(asio::any_io_executor executor, kube::Api& api, const Clock& clock, Caches& caches,
              const std::vector<std::string>& namespaces, std::function<void()> changed,
              uint64_t jitter_seed = std::random_device{}(),
              cache::WatchMachine::FirstRead first_read = cache::WatchMachine::FirstRead::kList,
              const std::string& own_namespace = "");
  void start();
  [[nodiscard]] Task<void> stop();
  // What the watchers wait for, in words; "" while all is well.
  [[nodiscard]] std::string troubles() const;

 private:
  std::vector<std::unique_ptr<cache::Watcher>> watchers_;
  TaskGroup tasks_;  // last
};

}  // namespace wan::execute
