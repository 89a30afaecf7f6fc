#pragma once
// The controllers of the operator: which change wakes which object, and observe -> plan -> execute for each.

#include "operator/controller/controller.h"
#include "operator/dispatch/dispatcher.h"
#include "operator/dispatch/runtimes.h"
#include "operator/execute/caches.h"
#include "operator/execute/executor.h"
#include "operator/reconcile/settings.h"

namespace wan::execute {

// As logs and the write gate name an object that is reconciled.
[[nodiscard]] std::string owner_name(std::string_view kind, const cache::Key& key);

// All references must outlive it. Listeners are registered by the constructor: make it before the caches are
// fed.
class Reconcilers {
 public:
  Reconcilers(asio::any_io_executor executor, kube::Api& api, const Clock& clock, Caches& caches,
              dispatch::Runtimes& runtimes, Executor& steps, WriteGate& gate, reconcile::Settings settings,
              metrics::Registry* metrics = nullptr);
  Reconcilers(const Reconcilers&) = delete;
  Reconcilers& operator=(const Reconcilers&) = delete;

  // Connects to the runtime pods and reconciles until stop() and the end of what runs. What changed before
  // waits in the queues; so everything that exists is looked at once.
  [[nodiscard]] Task<void> run();
  // Lets running reconciles end; cancel() breaks them off.
  void stop();
  void cancel();

  // A runtime view has changed.
  void runtime_changed(const dispatch::PodRef& pod, const dispatch::Change& change);

  [[nodiscard]] const controller::Counters& video_job_counters() const { return video_jobs_.counters(); }

 private:
  void listen();
  // Of whatever is woken by something else than its own change.
  [[nodiscard]] controller::Priority priority() const;
  template <class T>
  [[nodiscard]] controller::Priority priority(const T* before, const T* after) const;
  void wake_owner(const api::Meta& child);
  void wake_jobs_of(const cache::Key& deployment);
  void wake_held_jobs_in(const std::string& namespace_);
  void wake_guests_of(const std::string& namespace_);
  void wake_queue_of(const api::VideoJob& job);
  void wake_deployment_of(const api::VideoJob& job);
  void wake_pod_owner(const std::string& owner_uid);
  void wake_pod_jobs(const std::string& pod_uid);
  void wake_servers_of(const api::VideoJob& job, bool left);
  void wake_server(const std::string& namespace_, const std::string& target);
  void on_model(const api::GalleryModel& model);
  void on_wan_deployment(const api::WanDeployment* before, const api::WanDeployment* after);
  void on_video_job(const api::VideoJob* before, const api::VideoJob* after);
  void on_pod(const api::Pod* before, const api::Pod* after);
  void on_child(const api::Meta& child);

  [[nodiscard]] Task<Result<controller::Outcome>> reconcile_model(cache::Key key);
  [[nodiscard]] Task<Result<controller::Outcome>> reconcile_wan_deployment(cache::Key key);
  [[nodiscard]] Task<Result<controller::Outcome>> reconcile_video_job(cache::Key key);
  [[nodiscard]] Task<Result<controller::Outcome>> reconcile_artifacts(cache::Key key);
  // Wakes the jobs whose turn it is at a WanDeployment, and now and then those whose place has changed.
  [[nodiscard]] Task<Result<controller::Outcome>> reconcile_queue(cache::Key key);
  // A job of which the cache has a part; nothing where it is another one by now, and an event on its way.
  [[nodiscard]] Task<Result<std::optional<api::VideoJob>>> read_whole(cache::Key key, std::string uid);
  [[nodiscard]] std::optional<WallTime> unreachable_since(const api::VideoJob& job);
  void observe_twins(reconcile::video_job::Observed& observed);
  [[nodiscard]] Task<Status> read_result(reconcile::video_job::Observed& observed);
  void wake_twins_of(const api::VideoJob& job);
  // Remembers which pod the plan gives to the job before anybody else is planned.
  void reserve(const api::VideoJob& job, const reconcile::Plan& plan);
  [[nodiscard]] Task<Result<controller::Outcome>> carry_out(std::string owner, reconcile::Plan plan);

  kube::Api& api_;
  const Clock& clock_;
  Caches& caches_;
  dispatch::Runtimes& runtimes_;
  Executor& steps_;
  WriteGate& gate_;
  reconcile::Settings settings_;
  controller::Controller models_;
  controller::Controller wan_deployments_;
  controller::Controller video_jobs_;
  controller::Controller artifacts_;
  controller::Controller queues_;
  struct Claim {
    std::string uid;
    std::string name;
  };
  std::map<std::string, Claim> claims_;           // by hash_key(): jobs whose assignment is being written
  std::set<std::string> looked_after_;            // UIDs of WanDeployments, once a plan was carried out
  std::map<cache::Key, SteadyTime> places_told_;  // by WanDeployment
  std::map<std::string, WallTime> unreachable_;   // by the UID of a pod with a job
  TaskGroup tasks_;                               // last
};

}  // namespace wan::execute
