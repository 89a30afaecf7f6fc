#include "builders.h"
#include "operator/reconcile/gallery_model/plan.h"

namespace wan::reconcile::gallery_model {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// An entry that says which digest it means.
api::GalleryModel declared() {
  api::GalleryModel model = make_gallery_model();
  model.spec.source.digest = "sha256:" + std::string(64, 'e');
  return model;
}

api::GalleryModelStatus after(const Observed& observed) {
  return status_after(plan(observed, settings(), kNow), observed.model);
}

TEST(GalleryModel, IsReadyWhenItCanBeDeployed) {
  api::GalleryModel model = declared();
  model.status = after({model});
  EXPECT_EQ(kstatus(model.status, 1), "Current");
  EXPECT_EQ(model.status.digest, model.spec.source.digest);
  EXPECT_THAT(plan({model}, settings(), at(5)).steps, IsEmpty());
}

TEST(GalleryModel, IsStalledWithTheFieldThatIsWrong) {
  api::GalleryModel model = declared();
  model.spec.profiles[1].memory = {"lots"};
  const auto status = after({model});
  EXPECT_EQ(kstatus(status, 1), "Failed");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("spec.profiles[gpu]: \"lots\" is not a quantity"));
}

TEST(GalleryModel, AcknowledgesANewGeneration) {
  api::GalleryModel model = declared();
  model.status = after({model});
  model.metadata.generation = 2;
  EXPECT_EQ(kstatus(model.status, 2), "InProgress");
  EXPECT_EQ(kstatus(after({model}), 2), "Current");
}

TEST(GalleryModel, OnAClaimIsReadyWithoutADigest) {
  api::GalleryModel model = make_gallery_model();
  model.spec.source.local->pvc = api::ClaimRef{"wan-models"};
  EXPECT_THAT(steps_of<Create>(plan({model}, settings(), kNow)), IsEmpty())
      << "the claim is in other namespaces";
  const auto status = after({model});
  EXPECT_EQ(kstatus(status, 1), "Current");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("once a pod has fetched it"));
}

// Observed after the Job was made.
Observed inspected() {
  Observed observed{make_gallery_model()};
  const Plan first = plan(observed, settings(), kNow);
  observed.model.status = status_after(first, observed.model);
  api::Job run;
  run.metadata = meta((*created(first, "Job"))["metadata"]["name"], "run-uid");
  observed.runs = {run};
  api::Pod pod = ready_pod("inspector", "model-uid");
  pod.ready = false;
  pod.metadata.controller = api::OwnerRef{.uid = "run-uid"};
  pod.containers = {{.name = "inspect", .running = true}};
  observed.pods = {pod};
  return observed;
}

void ends(Observed& observed, int exit_code, const std::string& message) {
  observed.pods[0].phase = exit_code == 0 ? "Succeeded" : "Failed";
  observed.pods[0].containers[0].running = false;
  observed.pods[0].containers[0].terminated = api::Terminated{.exit_code = exit_code, .message = message};
}

const std::string kFound = R"({"name": "wan-tiny", "digest": "sha256:)" + std::string(64, 'd') +
                           R"(", "bytes": 13000000, "generation": {"size": "96x96", "steps": 20}})";

TEST(GalleryModel, WithoutADigestHasItsSourceLookedInto) {
  const Observed first{make_gallery_model()};
  const auto job = created(plan(first, settings(), kNow), "Job");
  ASSERT_TRUE(job);
  EXPECT_EQ((*job)["metadata"]["namespace"], "wan-system");
  const Json& command = (*job)["spec"]["template"]["spec"]["containers"][0]["command"];
  EXPECT_EQ(command[2], "local:///opt/wan/gallery:wan-tiny");
  EXPECT_EQ(kstatus(after(first), 1), "InProgress");
  Observed observed = inspected();
  EXPECT_THAT(acts_of(plan(observed, settings(), kNow)), IsEmpty()) << "the Job is waited for";
  ends(observed, 0, kFound);
  observed.model.status = after(observed);
  EXPECT_EQ(kstatus(observed.model.status, 1), "Current");
  EXPECT_EQ(observed.model.status.digest, "sha256:" + std::string(64, 'd'));
  EXPECT_EQ(observed.model.status.bytes, 13000000);
  EXPECT_EQ(observed.model.status.defaults->steps, 20);
  observed.runs.clear();
  observed.pods.clear();
  EXPECT_THAT(plan(observed, settings(), kNow).steps, IsEmpty()) << "nor is it made again when it has gone";
}

TEST(GalleryModel, IsLookedIntoAgainWhenItsSourceOrTheRuntimeChanges) {
  Observed observed = inspected();
  ends(observed, 0, kFound);
  observed.model.status = after(observed);
  Settings upgraded = settings();
  upgraded.runtime_image = "registry.example/wan-runtime:2";
  const Plan again = plan(observed, upgraded, kNow);
  EXPECT_TRUE(created(again, "Job"));
  EXPECT_THAT(steps_of<Delete>(again), SizeIs(1)) << "the former Job";
  observed.model.spec.source.local->path = "/elsewhere";
  ++observed.model.metadata.generation;
  EXPECT_TRUE(created(plan(observed, settings(), kNow), "Job"));
  EXPECT_EQ(after(observed).digest, "") << "what was read of another source does not count";
}

TEST(GalleryModel, IsStalledWhenItsSourceCannotBeRead) {
  Observed observed = inspected();
  ends(observed, 1, R"({"error": {"reason": "NotFound", "message": "/opt/wan/gallery: no such layout"}})");
  observed.runs[0].conditions = {{"Failed", "True", "BackoffLimitExceeded", "it failed"}};
  const auto status = after(observed);
  EXPECT_EQ(kstatus(status, 1), "Failed");
  EXPECT_EQ(reason_of(status.conditions), "SourceUnreadable");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("/opt/wan/gallery: no such layout"));
}

TEST(GalleryModel, SaysWhyNobodyCanLookIntoItsSource) {
  Observed observed = inspected();
  observed.pods[0].containers[0] = {
      .name = "inspect", .waiting_reason = "ImagePullBackOff", .waiting_message = "no"};
  const auto status = after(observed);
  EXPECT_EQ(kstatus(status, 1), "InProgress");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("ImagePullBackOff"));
}

}  // namespace
}  // namespace wan::reconcile::gallery_model
