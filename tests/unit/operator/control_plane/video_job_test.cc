#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

std::string uid(const Json& object) { return string_or(object, {"metadata", "uid"}, ""); }

class VideoJobTest : public ControlPlaneTest {
 protected:
  // A served model, and an operator.
  void serve() {
    kubelet_->start();
    start_operator("a");
    make(kube::kGalleryModels, kTinyModel);
    make(kube::kWanDeployments, kTinyDeployment);
    ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny", [](const Json& d) { return phase(d) == "Running"; }));
  }
  void make_job(const std::string& more = "") {
    make(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec:
  deploymentRef: {name: tiny}
  prompt: a red ball
)" + more);
  }
  bool reaches(const std::string& wanted) {
    return wait_for(kube::kVideoJobs, "red-ball", [&](const Json& job) { return phase(job) == wanted; });
  }
  Json job() { return get_or_null(kube::kVideoJobs, "red-ball"); }
  testing::FakeRuntime& runtime() { return *kubelet_->runtimes().begin()->second; }
};

TEST_F(VideoJobTest, StopsAtItsPodWhileItIsSuspendedAndGoesOnAfterwards) {
  kubelet_->run_jobs_by_itself(false);
  serve();
  make_job();
  ASSERT_TRUE(wait_until([&] { return runtime().puts() == 1; }));
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {suspend: true}"));
  ASSERT_TRUE(reaches("Suspended"));
  EXPECT_EQ(string_or(*runtime().job(uid(job())), {"phase"}, ""), "Cancelled");
  EXPECT_EQ(condition_reason(job(), "Suspended"), "Suspended");
  EXPECT_EQ(condition_reason(job(), "Reconciling"), "");
  runtime().run_jobs_by_itself(true);
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {suspend: false}"));
  EXPECT_TRUE(reaches("Succeeded"));
  EXPECT_EQ(int_or(job(), {"status", "attempts"}, 0), 2);
}

TEST_F(VideoJobTest, SucceedsWithTheRightsOfOneNamespaceAlone) {
  narrow_rbac();
  serve();
  make_job();
  EXPECT_TRUE(reaches("Succeeded"));
  make(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: own}
spec: {model: {name: wan-tiny}, prompt: a red ball, output: {pvc: {claimName: videos}}}
)");
  EXPECT_TRUE(wait_for(kube::kVideoJobs, "own", [](const Json& j) { return phase(j) == "Succeeded"; }));
}

TEST_F(VideoJobTest, WaitsForAnIdenticalOneAndSurvivesItsCancel) {
  kubelet_->run_jobs_by_itself(false);
  kubelet_->resolve_with(
      [](const Json& body) { return "sha256:" + string_or(body, {"spec", "prompt"}, ""); });
  serve();
  make_job();
  ASSERT_TRUE(wait_until([&] { return runtime().puts() == 1; }));
  make(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: the-same}
spec: {deploymentRef: {name: tiny}, prompt: a red ball}
)");
  // There is one replica, so both wait for it; with a second one only the difference of the two shows.
  ASSERT_TRUE(patch(kube::kWanDeployments, "tiny", "spec: {replicas: 2}"));
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "the-same", [](const Json& j) {
    return condition_reason(j, "Ready") == "WaitingForIdenticalJob";
  }));
  for (auto& [pod, one] : kubelet_->runtimes()) one->run_jobs_by_itself(true);
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {cancel: true}"));
  ASSERT_TRUE(reaches("Cancelled"));
  EXPECT_TRUE(wait_for(kube::kVideoJobs, "the-same", [](const Json& j) { return phase(j) == "Succeeded"; }));
  EXPECT_EQ(int_or(get_or_null(kube::kVideoJobs, "the-same"), {"status", "attempts"}, 0), 1);
}

TEST_F(VideoJobTest, WaitsForItsPictureAndHandsItOver) {
  serve();
  make_job("  image: {configMap: {name: pictures, key: ball.png}}\n");
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) {
    return condition_reason(j, "Ready") == "ImageNotFound";
  })) << job()["status"].dump(1);
  make(kube::kConfigMaps, R"(
apiVersion: v1
kind: ConfigMap
metadata: {name: pictures}
binaryData: {ball.png: iVBORw0KGgo=}
)");
  ASSERT_TRUE(reaches("Succeeded")) << job()["status"].dump(1);
  for (const auto& request : runtime().requests()) {
    if (request.method == "PUT") EXPECT_EQ(string_or(request.body, {"image", "data"}, ""), "iVBORw0KGgo=");
  }
}

TEST_F(VideoJobTest, GivesTheBatchJobOfItsOwnBackWhenItIsCancelled) {
  kubelet_->run_jobs_by_itself(false);
  serve();
  make(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: own}
spec: {model: {name: wan-tiny}, prompt: a red ball, output: {pvc: {claimName: videos}}}
)");
  ASSERT_TRUE(wait_until([&] { return list(kube::kJobs).size() == 1; }));
  ASSERT_TRUE(patch(kube::kVideoJobs, "own", "spec: {cancel: true}"));
  EXPECT_TRUE(wait_for(kube::kVideoJobs, "own", [](const Json& j) { return phase(j) == "Cancelled"; }));
  EXPECT_TRUE(wait_until([&] { return list(kube::kJobs).empty(); }));
}

TEST_F(VideoJobTest, IsDeletedAtItsTimeToLive) {
  serve();
  make_job("  ttlSecondsAfterFinished: 3600\n");
  ASSERT_TRUE(reaches("Succeeded"));
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {ttlSecondsAfterFinished: 0}"));
  EXPECT_TRUE(wait_until([&] { return job().is_null(); }));
}

TEST_F(VideoJobTest, HasAFinalizerWhileItsVideoGoesWithItAndIsDeletedAtOnceWithoutAVideo) {
  start_operator("a");
  make_job("  retention: {onDelete: Delete}\n");
  const auto finalizers = [&] {
    const Json object = job();
    const Json* list = find(object, {"metadata", "finalizers"});
    return list == nullptr ? size_t{0} : list->size();
  };
  ASSERT_TRUE(wait_until([&] { return finalizers() == 1; }));
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {retention: {onDelete: Keep}}"));
  ASSERT_TRUE(wait_until([&] { return finalizers() == 0; }));
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {retention: {onDelete: Delete}}"));
  ASSERT_TRUE(wait_until([&] { return finalizers() == 1; }));
  ASSERT_TRUE(remove(kube::kVideoJobs, "red-ball"));
  EXPECT_TRUE(wait_until([&] { return job().is_null(); }));
}

}  // namespace
}  // namespace wan
