#pragma once
// Plays kubelet for the operator's pods on a control plane without nodes: reports them as running, and puts a
// FakeRuntime at the address of each runtime pod.

#include <map>
#include <memory>
#include <string>

#include "base/async/task_group.h"
#include "operator/kube/api.h"
#include "tests/support/fake_runtime.h"

namespace wan::testing {

class FakeKubelet {
 public:
  // Pods of `namespace_` get loopback addresses; runtimes listen on `port`.
  FakeKubelet(asio::any_io_executor executor, kube::Api& api, std::string namespace_, uint16_t port);
  void start();
  [[nodiscard]] Task<void> stop();
  [[nodiscard]] const std::map<std::string, std::unique_ptr<FakeRuntime>>& runtimes() const {
    return runtimes_;  // by pod UID
  }
  // New runtimes run their jobs by themselves.
  void run_jobs_by_itself(bool on) { runs_by_itself_ = on; }
  void resolve_with(FakeRuntime::Resolver resolver) { resolver_ = std::move(resolver); }

 private:
  [[nodiscard]] Task<void> run();
  [[nodiscard]] Task<Status> look();
  [[nodiscard]] Task<Status> start_pod(Json pod);

  asio::any_io_executor executor_;
  kube::Api& api_;
  std::string namespace_;
  uint16_t port_;
  FakeRuntime::Resolver resolver_;
  bool runs_by_itself_ = true;
  int next_address_ = 2;
  std::map<std::string, std::unique_ptr<FakeRuntime>> runtimes_;
  std::map<std::string, std::string> started_;  // pod UID -> address
  TaskGroup tasks_;
};

}  // namespace wan::testing
