#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

// VideoJobs of one namespace at the deployment of another.
class GuestTest : public ControlPlaneTest {
 protected:
  GuestTest()
      : guests_(namespace_ + "-guests"), kubelet_of_guests_(context_.get_executor(), *api_, guests_, 1) {
    make(kube::kNamespaces, "{apiVersion: v1, kind: Namespace, metadata: {name: " + guests_ + "}}");
    kubelet_->start();
    kubelet_of_guests_.start();
  }
  ~GuestTest() override {
    operators_.clear();
    run(kubelet_of_guests_.stop());
    EXPECT_TRUE(remove(kube::kNamespaces, guests_));
  }

  void serve(const std::string& allowed) {
    make(kube::kGalleryModels, kTinyModel);
    make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny}
spec: {model: {name: wan-tiny}, allowedNamespaces: )" +
                                    allowed + "}\n");
  }
  void make_job() {
    Json job = *parse_yaml(R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec: {deploymentRef: {name: tiny}, prompt: a red ball, seed: 42, output: {pvc: {claimName: videos}}}
)");
    job["metadata"]["namespace"] = guests_;
    job["spec"]["deploymentRef"]["namespace"] = namespace_;
    const auto made = run(api_->create(kube::kVideoJobs, std::move(job)));
    ASSERT_TRUE(made) << made.error().message;
  }
  Json job() { return run(api_->get(kube::kVideoJobs, guests_, "red-ball")).value_or(Json::object()); }
  bool job_becomes(const std::string& reason) {
    return wait_until([&] { return condition_reason(job(), "Ready") == reason; });
  }

  std::string guests_;
  testing::FakeKubelet kubelet_of_guests_;
};

TEST_F(GuestTest, AreServedOnceTheirNamespaceHasTheLabelsThatAreAskedFor) {
  OperatorFlags flags;
  flags.everywhere = true;
  start_operator("a", flags);
  serve("{from: Selector, selector: {matchLabels: {film: \"yes\"}}}");
  make_job();
  ASSERT_TRUE(job_becomes("RefNotPermitted"));
  ASSERT_TRUE(patch(kube::kNamespaces, guests_, "metadata: {labels: {film: \"yes\"}}"));
  EXPECT_TRUE(job_becomes("Completed")) << job().dump(1);
  EXPECT_TRUE(string_or(job(), {"status", "result", "sha256"}, "").starts_with("sha256:"));
}

TEST_F(GuestTest, AreServedWithoutTheRightToReadNamespacesByTheirName) {
  OperatorFlags flags;
  flags.more_namespaces = {guests_};
  start_operator("a", flags);
  serve("{from: Same}");
  make_job();
  ASSERT_TRUE(job_becomes("RefNotPermitted"));
  ASSERT_TRUE(patch(kube::kWanDeployments, "tiny",
                    "spec: {allowedNamespaces: {from: Selector, selector: {matchLabels: "
                    "{kubernetes.io/metadata.name: " +
                        guests_ + "}}}}"));
  EXPECT_TRUE(job_becomes("Completed")) << job().dump(1);
}

}  // namespace
}  // namespace wan
