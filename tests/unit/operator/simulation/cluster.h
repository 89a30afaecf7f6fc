#pragma once
// What else acts in a cluster: the controllers of Deployments and batch Jobs, and the kubelets, as far as the
// operator can tell them from the real ones.

#include <set>

#include "tests/unit/operator/simulation/fleet.h"

namespace wan::simulation {

class Cluster {
 public:
  Cluster(World& world, ApiServer& server, Fleet& fleet);

  // Trouble, each for one pod that the operator runs; nothing if there is none.
  void evict_a_pod();    // the pod is deleted, as by a drain
  void fail_a_pod();     // the node takes it away: phase Failed
  void restart_a_pod();  // its container ends and is started again (never a one-shot pod's)

 private:
  void on_write(const Write& write);
  void sync_later(const kube::Resource& resource, const cache::Key& key);
  void sync_deployment(const cache::Key& key);
  void sync_job(const cache::Key& key);
  void make_pod(const Json& owner, const std::string& kind);
  void start_pod(const cache::Key& key, const std::string& uid);
  void run_container(const cache::Key& key, const std::string& uid, const std::string& only_job);
  void set_ready(const cache::Key& key, const std::string& uid, bool ready);
  void exit_pod(const cache::Key& key, const std::string& uid, const Json& last);
  void end_pod(const cache::Key& key, const std::string& uid);
  [[nodiscard]] std::vector<Object> pods_of(const std::string& owner_uid) const;
  [[nodiscard]] Object pick_runtime_pod(bool one_shot_too);

  World& world_;
  ApiServer& server_;
  Fleet& fleet_;
  std::set<std::pair<std::string, cache::Key>> pending_;
  int last_pod_ = 0;
};

[[nodiscard]] bool is_ready(const Json& pod);
// Not ending, not ended.
[[nodiscard]] bool is_live(const Json& pod);

}  // namespace wan::simulation
