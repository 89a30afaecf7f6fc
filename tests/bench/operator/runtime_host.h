#pragma once
// Puts a FakeRuntime at the address of every pod with a runtime container that somebody (kwok) has started.

#include <map>
#include <memory>

#include "base/async/task_group.h"
#include "operator/kube/api.h"
#include "tests/support/fake_runtime.h"

namespace wan::bench {

class RuntimeHost {
 public:
  RuntimeHost(asio::any_io_executor executor, kube::Api& api, uint16_t port);
  void start();
  [[nodiscard]] Task<void> stop();
  [[nodiscard]] size_t size() const { return runtimes_.size(); }

 private:
  void on_pod(const kube::WatchEvent& event);

  asio::any_io_executor executor_;
  kube::Api& api_;
  uint16_t port_;
  std::map<std::string, std::unique_ptr<testing::FakeRuntime>> runtimes_;  // by pod UID
  std::vector<std::unique_ptr<testing::FakeRuntime>> gone_;
  TaskGroup tasks_;  // last
};

}  // namespace wan::bench
