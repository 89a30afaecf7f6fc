#pragma once
// What must be true at every moment, whatever goes wrong. Sees every write and every dispatch as it happens.

#include <map>
#include <set>
#include <string>

#include "tests/unit/operator/simulation/cluster.h"

namespace wan::simulation {

class Inspector {
 public:
  Inspector(ApiServer& server, Fleet& fleet);
  // The first thing that was not as it must be; "" while all is well.
  [[nodiscard]] const std::string& violation() const { return violation_; }
  void report(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }
  // Writes of operators, but for their Lease.
  [[nodiscard]] uint64_t operator_writes() const { return operator_writes_; }

 private:
  struct Assigned {
    std::string pod_uid;
    int attempt = 0;
    bool by_leader = false;  // whoever wrote it held the Lease then
  };
  void on_write(const Write& write);
  void on_removal(const Write& write);
  void on_accepted(const Accepted& accepted);
  void check_child(const Write& write);
  void check_job(const Write& write);
  void check_assignment(const Write& write);
  void check_conditions(const Write& write);
  void check_deployment(const Write& write);
  void note_truth(const Json& wan_deployment);
  [[nodiscard]] bool leads(const std::string& actor) const;

  ApiServer& server_;
  Fleet& fleet_;
  std::string violation_;
  uint64_t operator_writes_ = 0;
  std::map<std::string, Assigned> assigned_;  // job UID
  std::map<std::string, std::set<std::pair<std::string, int>>>
      assignments_;                            // job UID -> pod UID, attempt: ever
  std::map<std::string, std::string> epochs_;  // pod UID -> highest that it took
  std::map<std::string, int64_t> truth_;       // WanDeployment UID -> last generation that was fully served
};

}  // namespace wan::simulation
