#pragma once
// What the tests on the real control plane share: a client, a namespace of their own, operators to start.

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/net/client.h"
#include "operator/kube/client.h"
#include "tests/support/fake_kubelet.h"
#include "tests/support/operator_process.h"
#include "tests/support/run_task.h"

namespace wan {

inline constexpr kube::Resource kCrds{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                      "CustomResourceDefinition", false};

// What most tests work with.
inline constexpr const char* kTinyModel = R"(
apiVersion: wan.gallery/v1alpha1
kind: GalleryModel
metadata: {name: wan-tiny}
spec:
  displayName: Wan Tiny
  task: text-to-video
  source: {local: {path: /opt/wan/gallery}, digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  profiles: [{name: cpu, gpusPerReplica: 0, cpu: "1", memory: 1Gi, precision: fp32}]
)";
inline constexpr const char* kTinyDeployment = R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny}
spec: {model: {name: wan-tiny}, artifacts: {pvc: {claimName: videos}}}
)";

[[nodiscard]] inline std::string phase(const Json& object) {
  return string_or(object, {"status", "phase"}, "");
}

// A lease short enough for tests.
struct OperatorFlags {
  std::string lease_seconds = "2";
  std::string renew_seconds = "1.5";
  std::string retry_seconds = "0.2";
  std::string kubeconfig;   // empty: that of the operator's own account
  bool everywhere = false;  // not only in the namespace of the test
  std::vector<std::string> more_namespaces = {};
};

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest();
  ~ControlPlaneTest() override;

  void apply_crds();
  // Gives the operator's account exactly the rights of manifests/rbac.yaml, with the test's namespace in
  // place of wan-system, and writes a kubeconfig with a token of that account.
  void apply_rbac(const kube::Config& config);
  // As the chart does with watchNamespaces: of the ClusterRole only what reads the gallery stays, the rest is
  // a Role of the test's namespace.
  void narrow_rbac();
  // Starts an operator for this test's namespace; `name` is unique within the test.
  testing::OperatorProcess& start_operator(const std::string& name, const OperatorFlags& flags = {});
  // The log of every operator, for failures.
  [[nodiscard]] std::string logs();

  Result<Json> create(const kube::Resource& resource, const std::string& yaml);
  // The same; that it fails is a failure of the test.
  void make(const kube::Resource& resource, const std::string& yaml);
  Result<Json> get(const kube::Resource& resource, const std::string& name);
  Json get_or_null(const kube::Resource& resource, const std::string& name);
  std::vector<Json> list(const kube::Resource& resource);
  Status remove(const kube::Resource& resource, const std::string& name);
  Result<Json> patch(const kube::Resource& resource, const std::string& name, const std::string& yaml);
  // Asks until the object is so; its last state is printed where it never is.
  bool wait_for(const kube::Resource& resource, const std::string& name,
                const std::function<bool(const Json&)>& is_so);
  bool wait_until(const std::function<bool()>& condition,
                  std::chrono::seconds limit = std::chrono::seconds(60));
  // Lets time pass for everything that runs here.
  template <class T>
  T run(Task<T> task) {
    return testing::run_task(context_, std::move(task));
  }

  [[nodiscard]] static std::string condition_reason(const Json& object, const std::string& type);

  asio::io_context context_;
  SystemClock clock_;
  std::string namespace_;
  std::filesystem::path kubeconfig_;  // of the operator's account
  std::optional<kube::Client> api_;
  std::optional<testing::FakeKubelet> kubelet_;
  uint16_t runtime_port_ = 0;
  std::vector<std::unique_ptr<testing::OperatorProcess>> operators_;
};

}  // namespace wan
