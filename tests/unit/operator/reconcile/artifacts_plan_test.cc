#include "builders.h"
#include "operator/reconcile/artifacts/plan.h"

namespace wan::reconcile::artifacts {
namespace {

using namespace wan::reconcile::testing;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Plan plan_of(const Observed& observed) { return plan(observed, settings(), kNow); }

Observed named() {
  return {.namespace_ = "films", .target = "videos", .deployments = {make_wan_deployment()}};
}

api::VideoJob job_for_videos(const std::string& name, int age = 0) {
  api::VideoJob job = age != 0 ? make_video_job(name, age) : make_video_job(name);
  job.spec.output.emplace().pvc = api::OutputClaim{"videos", ""};
  return job;
}

api::Meta live(const Json& object) {
  api::Meta result = meta(object["metadata"]["name"], std::string(object["kind"]) + "-uid");
  result.labels = {{api::kLabelArtifacts, object["metadata"]["labels"][api::kLabelArtifacts]}};
  result.annotations = object["metadata"]["annotations"];
  return result;
}

void carry_out(const Plan& plan, Observed& observed) {
  if (const auto object = applied(plan, "Service"))
    observed.service = api::Service{live(*object), "10.96.0.9", kOwned};
  if (const auto object = applied(plan, "Deployment")) {
    observed.deployment.emplace();
    observed.deployment->metadata = live(*object);
    observed.deployment->owned = kOwned;
  }
}

std::string owner_uid(const Plan& plan) {
  const auto object = applied(plan, "Deployment");
  return object ? (*object)["metadata"]["ownerReferences"][0]["uid"].get<std::string>() : "";
}

TEST(ArtifactServer, RunsForWhoeverNamesTheClaimAndIsThenSettled) {
  Observed observed = named();
  EXPECT_THAT(steps_of<Apply>(plan_of(observed)), SizeIs(2));
  carry_out(plan_of(observed), observed);
  EXPECT_THAT(plan_of(observed).steps, IsEmpty());
}

TEST(ArtifactServer, IsPutBackWhereSomebodyElseChangedIt) {
  Observed observed = named();
  carry_out(plan_of(observed), observed);
  observed.deployment->owned = R"({"f:metadata":{},"f:spec":{"f:strategy":{}}})";
  const auto applies = steps_of<Apply>(plan_of(observed));
  ASSERT_THAT(applies, SizeIs(1));
  EXPECT_EQ(applies[0].object["kind"], "Deployment");
}

TEST(ArtifactServer, BelongsToTheOldestDeploymentBeforeAnyJob) {
  Observed observed = named();
  observed.jobs = {job_for_videos("old-job", -9999)};
  api::WanDeployment older = make_wan_deployment("older");
  older.metadata = meta("older", "older-uid", -500);
  observed.deployments.push_back(older);
  EXPECT_EQ(owner_uid(plan_of(observed)), "older-uid");
  observed.deployments.clear();
  EXPECT_EQ(owner_uid(plan_of(observed)), "old-job-uid");
}

TEST(ArtifactServer, GoesToTheNextReferentWhenItsOwnerGoes) {
  Observed observed = named();
  observed.jobs = {job_for_videos("job")};
  carry_out(plan_of(observed), observed);
  observed.deployments[0].metadata.deleted = kNow;
  EXPECT_EQ(owner_uid(plan_of(observed)), "job-uid");
}

TEST(ArtifactServer, EndsWithItsLastReferent) {
  Observed observed = named();
  carry_out(plan_of(observed), observed);
  observed.deployments.clear();
  const auto deletes = steps_of<Delete>(plan_of(observed));
  ASSERT_THAT(deletes, SizeIs(2));
  EXPECT_EQ(deletes[0].ref.uid, "Deployment-uid");
}

TEST(ArtifactServer, TouchesNothingOfSomebodyElse) {
  Observed observed = named();
  observed.deployment.emplace();
  observed.deployment->metadata = meta(artifact_server_name("videos"), "foreign");
  const Plan plan = plan_of(observed);
  EXPECT_FALSE(applied(plan, "Deployment"));
  EXPECT_EQ(steps_of<EmitEvent>(plan)[0].reason, "NameConflict");
  observed.deployments.clear();
  EXPECT_THAT(steps_of<Delete>(plan_of(observed)), IsEmpty());
}

}  // namespace
}  // namespace wan::reconcile::artifacts
