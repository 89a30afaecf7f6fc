#pragma once
// One operator behind a fault proxy, in a namespace of its own, with what it needs to work and an independent
// eye on its pods.

#include <map>
#include <set>

#include "base/async/task_group.h"
#include "tests/support/fault_proxy.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {

inline constexpr const char* kTrialServedJob = R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec: {deploymentRef: {name: tiny}, prompt: a red ball, seed: 42}
)";
inline constexpr const char* kTrialOneShotJob = R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec: {model: {name: wan-tiny}, prompt: a red ball, seed: 42, output: {pvc: {claimName: videos}}}
)";

// The end state, one line an object, without what differs between runs.
using EndState = std::map<std::string, std::string>;

class Trial final : public ControlPlaneTest {
 public:
  Trial();
  ~Trial() override;
  void TestBody() override {}

  using ControlPlaneTest::get_or_null;
  using ControlPlaneTest::list;
  using ControlPlaneTest::logs;
  using ControlPlaneTest::make;
  using ControlPlaneTest::patch;
  using ControlPlaneTest::remove;
  using ControlPlaneTest::wait_for;
  using ControlPlaneTest::wait_until;

  // Everything that runs here goes on meanwhile.
  void pass(std::chrono::milliseconds time) { static_cast<void>(run(sleep_for(time))); }
  testing::OperatorProcess& start_behind_proxy(OperatorFlags flags = {});
  testing::OperatorProcess& start_direct(const OperatorFlags& flags) {
    return start_operator("operator-" + std::to_string(operators_.size()), flags);
  }
  testing::OperatorProcess& start_program(const std::filesystem::path& program,
                                          std::vector<std::string> arguments);
  [[nodiscard]] asio::io_context& context() { return context_; }
  [[nodiscard]] kube::Api& api() { return *api_; }
  [[nodiscard]] const std::string& namespace_name() const { return namespace_; }
  [[nodiscard]] uint16_t runtime_port() const { return runtime_port_; }
  // When each object of a resource was first heard of, by name, from watch_arrivals on.
  void watch_arrivals(const kube::Resource& resource);
  using Arrivals = std::map<std::string, std::chrono::steady_clock::time_point>;
  [[nodiscard]] const Arrivals& arrivals(const std::string& resource) { return arrivals_[resource]; }

  testing::FaultProxy& proxy() { return *proxy_; }
  testing::FakeKubelet& kubelet() { return *kubelet_; }
  bool deployment_runs();
  bool job_is(const std::string& phase);
  [[nodiscard]] EndState end_state();
  // Every pod there ever was, as a watch of its own saw them.
  [[nodiscard]] size_t pods_ever() const { return pods_.size(); }
  // What somebody else owns is as it was made.
  [[nodiscard]] bool foreign_is_untouched();

 private:
  [[nodiscard]] static std::string shown_name(const Json& object);
  [[nodiscard]] Task<void> watch_pods();
  [[nodiscard]] Task<void> note_arrivals(kube::Resource resource);

  std::optional<testing::FaultProxy> proxy_;
  std::filesystem::path proxied_;
  Json foreign_;
  std::set<std::string> pods_;
  std::map<std::string, Arrivals> arrivals_;
  TaskGroup tasks_;
};

}  // namespace wan
