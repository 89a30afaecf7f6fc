// What goes wrong outside of the operator: it says what it is, in words to act on, and goes on once it is put
// right.

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/io/file.h"
#include "tests/support/cuttable_proxy.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::HasSubstr;

constexpr kube::Resource kQuotas{"", "v1", "resourcequotas", "ResourceQuota"};
constexpr kube::Resource kClusterRoles{"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole",
                                       false};

std::string message(const Json& object) {
  const Json* conditions = find(object, {"status", "conditions"});
  for (const Json& one : conditions != nullptr ? *conditions : Json::array()) {
    if (string_or(one, {"type"}, "") == "Ready") return string_or(one, {"message"}, "");
  }
  return "";
}

class TroubleTest : public ControlPlaneTest {
 protected:
  void make_model() { make(kube::kGalleryModels, kTinyModel); }
  void make_deployment() { make(kube::kWanDeployments, kTinyDeployment); }
  void make_job(const std::string& name, const std::string& more) {
    make(kube::kVideoJobs, "{apiVersion: wan.gallery/v1alpha1, kind: VideoJob, metadata: {name: " + name +
                               "}, spec: {prompt: a red ball, " + more + "}}");
  }
  static asio::ip::tcp::endpoint api_server() {
    const auto config = kube::load_config("", "");
    return {asio::ip::make_address(config->server.host), config->server.port};
  }
  // Of an operator that sees the API server only so.
  OperatorFlags through(const testing::CuttableProxy& proxy) {
    std::string kubeconfig = read_file(kubeconfig_).value();
    const std::string address = net::authority(kube::load_config("", "")->server);
    kubeconfig.replace(kubeconfig.find(address), address.size(), "127.0.0.1:" + std::to_string(proxy.port()));
    OperatorFlags flags;
    flags.kubeconfig =
        (std::filesystem::path(::testing::TempDir()) / (namespace_ + ".proxy.kubeconfig")).string();
    EXPECT_TRUE(write_file_atomically(flags.kubeconfig, kubeconfig));
    return flags;
  }
  // Waits for the reason, and prints how long it took to be told.
  bool says(const kube::Resource& resource, const std::string& name, const std::string& reason,
            const std::string& words) {
    const auto begin = std::chrono::steady_clock::now();
    const bool said = wait_for(resource, name, [&](const Json& object) {
      return condition_reason(object, "Ready") == reason && message(object).find(words) != std::string::npos;
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%s %s: told after %.1f s\n", name.c_str(), reason.c_str(), took.count());
    return said;
  }
  bool runs() {
    return wait_for(kube::kWanDeployments, "tiny", [](const Json& d) { return phase(d) == "Running"; });
  }
  bool succeeds(const std::string& name) {
    return wait_for(kube::kVideoJobs, name, [](const Json& j) { return phase(j) == "Succeeded"; });
  }
};

TEST_F(TroubleTest, WhatIsNamedAndDoesNotExistIsWaitedForUntilItAppears) {
  kubelet_->start();
  start_operator("a");
  make_job("served", "deploymentRef: {name: tiny}");
  make_job("own", "model: {name: wan-tiny}, output: {pvc: {claimName: videos}}");
  make_deployment();
  EXPECT_TRUE(says(kube::kVideoJobs, "own", "ModelNotFound", "GalleryModel wan-tiny does not exist"));
  EXPECT_TRUE(says(kube::kWanDeployments, "tiny", "ModelNotFound", "GalleryModel wan-tiny does not exist"));
  EXPECT_TRUE(
      says(kube::kVideoJobs, "served", "WaitingForDeployment", "GalleryModel wan-tiny does not exist"));
  make_model();
  EXPECT_TRUE(succeeds("served"));
  EXPECT_TRUE(succeeds("own"));
}

TEST_F(TroubleTest, WhatNeverAppearsEndsAtTheDeadlineAndSaysWhy) {
  start_operator("a");
  make_job("served", "deploymentRef: {name: tiny}, queueDeadlineSeconds: 3");
  EXPECT_TRUE(says(kube::kVideoJobs, "served", "DeploymentNotFound", "WanDeployment tiny does not exist"));
  EXPECT_TRUE(says(kube::kVideoJobs, "served", "QueueDeadlineExceeded", "WanDeployment tiny does not exist"));
  const Json job = get_or_null(kube::kVideoJobs, "served");
  EXPECT_EQ(phase(job), "Failed");
  EXPECT_EQ(condition_reason(job, "Stalled"), "QueueDeadlineExceeded");
}

TEST_F(TroubleTest, AQuotaThatIsUsedUpIsNamedAndItsEndHeals) {
  kubelet_->start();
  start_operator("a");
  make(kQuotas,
       "{apiVersion: v1, kind: ResourceQuota, metadata: {name: small}, spec: {hard: {pods: \"0\"}}}");
  ASSERT_TRUE(
      wait_for(kQuotas, "small", [](const Json& q) { return find(q, {"status", "hard"}) != nullptr; }));
  make_model();
  make_deployment();
  EXPECT_TRUE(says(kube::kWanDeployments, "tiny", "ReplicaFailure", "exceeded quota: small"));
  make_job("served", "deploymentRef: {name: tiny}");
  EXPECT_TRUE(says(kube::kVideoJobs, "served", "WaitingForArtifactServer", "exceeded quota: small"));
  // Room for the artifact server alone; a batch Job tells of its own refusal by an event only.
  ASSERT_TRUE(patch(kQuotas, "small", "spec: {hard: {pods: \"2\"}}"));
  ASSERT_TRUE(runs());
  make_job("own", "model: {name: wan-tiny}, output: {pvc: {claimName: videos}}");
  EXPECT_TRUE(says(kube::kVideoJobs, "own", "ReplicaFailure", "exceeded quota: small"));
  ASSERT_TRUE(remove(kQuotas, "small"));
  EXPECT_TRUE(succeeds("served"));
  EXPECT_TRUE(succeeds("own"));
}

TEST_F(TroubleTest, ABatchJobOfSomebodyElseIsNotTakenAndItsEndHeals) {
  kubelet_->start();
  start_operator("a");
  make(kube::kJobs, R"({apiVersion: batch/v1, kind: Job, metadata: {name: own-run-1},
    spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: x, image: x}]}}}})");
  make_model();
  make_job("own", "model: {name: wan-tiny}, output: {pvc: {claimName: videos}}");
  EXPECT_TRUE(says(kube::kVideoJobs, "own", "NameConflict", "belongs to somebody else"));
  EXPECT_EQ(get_or_null(kube::kJobs, "own-run-1")["spec"]["suspend"], true);
  ASSERT_TRUE(remove(kube::kJobs, "own-run-1"));
  EXPECT_TRUE(succeeds("own"));
}

TEST_F(TroubleTest, AMissingRightIsNamedAndWorkGoesOnOnceItIsGiven) {
  kubelet_->start();
  Json role = get_or_null(kClusterRoles, "wan-gallery");
  for (Json& rule : role["rules"]) {
    if (rule["resources"] == Json::array({"networkpolicies"})) rule["verbs"] = {"get", "list", "watch"};
  }
  ASSERT_TRUE(run(api_->update(kClusterRoles, role)));
  start_operator("a");
  make_model();
  make_deployment();
  EXPECT_TRUE(says(kube::kWanDeployments, "tiny", "Forbidden", "cannot patch resource \"networkpolicies\""));
  EXPECT_TRUE(wait_until([&] {
    for (const Json& event : list(kube::kEvents)) {
      if (string_or(event, {"reason"}, "") == "Forbidden") return true;
    }
    return false;
  }));
  apply_rbac(*kube::load_config("", ""));
  EXPECT_TRUE(runs());
}

TEST_F(TroubleTest, AnApiServerThatIsDownAtTheStartIsWaitedFor) {
  testing::CuttableProxy proxy(context_, api_server());
  const OperatorFlags flags = through(proxy);
  proxy.cut();
  testing::OperatorProcess& only = start_operator("a", flags);
  ASSERT_TRUE(wait_until([&] { return only.logged("waiting for the operator key"); }));
  EXPECT_TRUE(only.running());
  proxy.mend();
  EXPECT_TRUE(wait_until([&] { return only.logged("leading as"); }));
  run(proxy.stop());
}

// A standby, whose caches are warm: a leader without an API server is none any more and ends.
TEST_F(TroubleTest, AnApiServerThatIsAwayIsAskedSeldomAndWhatHappenedMeanwhileIsSeenAfterwards) {
  kubelet_->start();
  testing::OperatorProcess& leader = start_operator("a");
  make_model();
  make_deployment();
  ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny", [](const Json& d) { return phase(d) == "Running"; }));
  testing::CuttableProxy proxy(context_, api_server());
  testing::OperatorProcess& standby = start_operator("b", through(proxy));
  ASSERT_TRUE(wait_until([&] { return standby.logged("waiting for leadership"); }));
  proxy.cut();
  const std::chrono::seconds outage(std::getenv("WAN_LONG") != nullptr ? 300 : 15);
  const auto end = std::chrono::steady_clock::now() + outage;
  make_job("meanwhile", "deploymentRef: {name: tiny}");
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "meanwhile", [](const Json& j) { return phase(j) == "Succeeded"; }));
  ASSERT_TRUE(wait_until([&] { return std::chrono::steady_clock::now() >= end; }, 2 * outage));
  // Twelve watches ask again after one, two, four ... seconds; then each once in four seconds at most, and
  // the election in its own time.
  const double seconds = static_cast<double>(outage.count());
  std::printf("%zu connections tried in %.0f s\n", proxy.refused(), seconds);
  EXPECT_LE(static_cast<double>(proxy.refused()), 12 * (6 + seconds / 4) + 4 * seconds);
  EXPECT_TRUE(standby.running());
  leader.signal(SIGKILL);
  proxy.mend();
  make_job("afterwards", "deploymentRef: {name: tiny}");
  EXPECT_TRUE(
      wait_for(kube::kVideoJobs, "afterwards", [](const Json& j) { return phase(j) == "Succeeded"; }));
  EXPECT_TRUE(standby.logged("leading as"));
  run(proxy.stop());
}

}  // namespace
}  // namespace wan
