// A VideoJob whose video goes to a bucket is as one whose video goes to a claim; only its messages and
// status.result.url name the bucket.

#include "builders.h"
#include "operator/reconcile/artifacts/plan.h"
#include "operator/reconcile/objects/artifact_target.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

api::Output bucket_output() {
  api::Output output;
  output.s3 = api::OutputBucket{"https://s3.example.com", "films", "", {"films-s3"}, "clips/x.mp4"};
  return output;
}

Observed with_bucket(Observed observed) {
  observed.job.spec.output = bucket_output();
  return observed;
}

Plan plan_of(const Observed& observed) { return plan_without_answer(observed, kNow); }

api::VideoJobStatus after(const Observed& observed) { return status_after(plan_of(observed), observed.job); }

Observed running() {
  Observed observed = served();
  carry_out(plan_of(observed), observed);
  observed.runtimes[0].jobs[0].phase = "Running";
  return observed;
}

std::string audience() {
  return artifact_audience(
      "films",
      {.endpoint = "https://s3.example.com", .bucket = "films", .region = "us-east-1", .secret = "films-s3"});
}

TEST(VideoJobToABucket, IsDispatchedToTheBucketsServer) {
  const Observed observed = with_bucket(served());
  const auto dispatch = steps_of<Dispatch>(plan_of(observed));
  ASSERT_THAT(dispatch, SizeIs(1));
  EXPECT_EQ(dispatch[0].artifact_audience, audience());
  EXPECT_EQ(dispatch[0].artifact_path, "clips/x.mp4");
  EXPECT_EQ(dispatch[0].body["artifact"]["url"], "http://10.96.0.9:8080/v1/artifacts/clips/x.mp4");
}

TEST(VideoJobToABucket, EndsWithThePlaceInTheBucket) {
  Observed observed = with_bucket(running());
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Succeeded");
  EXPECT_EQ(status.result->url, "s3://films/clips/x.mp4");
  EXPECT_EQ(status.result->bytes, 1234);
  EXPECT_THAT(message_of(status.conditions),
              HasSubstr("clips/x.mp4 in bucket films at https://s3.example.com"));
}

TEST(VideoJobToABucket, KnowsThePrefixOfItsDeployment) {
  Observed observed = running();
  observed.deployment->spec.artifacts = api::ArtifactStore{};
  observed.deployment->spec.artifacts->s3 =
      api::ArtifactBucket{"https://s3.example.com", "films", "", {"films-s3"}, "studio"};
  observed.runtimes[0].jobs[0] = succeeded(observed.job);
  EXPECT_EQ(after(observed).result->url, "s3://films/studio/red-ball.mp4");
}

TEST(VideoJobToABucket, SaysWhatItsServerEndedWith) {
  Observed observed = with_bucket(served());
  observed.artifacts.deployment->ready_replicas = 0;
  api::Pod server = ready_pod("server");
  server.ready = false;
  server.containers = {{.name = "artifacts"}};
  server.containers[0].restart_count = 1;
  server.containers[0].waiting_reason = "CrashLoopBackOff";
  server.containers[0].last_terminated = api::Terminated{
      .exit_code = 1,
      .reason = "Error",
      .message =
          R"({"error":{"reason":"FailedPrecondition","message":"the Secret films-s3 must be there"}})"};
  observed.artifacts.pods = {server};
  const auto status = after(observed);
  EXPECT_EQ(reason_of(status.conditions), "WaitingForArtifactServer");
  EXPECT_THAT(message_of(status.conditions),
              AllOf(HasSubstr("bucket films at https://s3.example.com (Secret films-s3)"),
                    HasSubstr("the Secret films-s3 must be there")));
}

TEST(VideoJobToABucket, HasAServerOfItsOwnWhileItIsThere) {
  artifacts::Observed observed{.namespace_ = "films", .jobs = {make_video_job("job")}};
  observed.jobs[0].spec.output = bucket_output();
  observed.target = identity_of(artifact_target(observed.jobs[0], nullptr));
  const Plan made = artifacts::plan(observed, settings(), kNow);
  ASSERT_THAT(steps_of<Apply>(made), SizeIs(2));
  const Json deployment = *applied(made, "Deployment");
  EXPECT_EQ(deployment["metadata"]["name"], artifact_server_name(observed.target));
  EXPECT_EQ(deployment["metadata"]["annotations"]["wan.gallery/bucket"], observed.target);
  observed.deployment.emplace();
  observed.deployment->metadata = *api::meta_from_json(deployment);
  observed.deployment->metadata.uid = "made";
  observed.deployment->owned = kOwned;
  EXPECT_THAT(steps_of<Apply>(artifacts::plan(observed, settings(), kNow)), SizeIs(1)) << "the Service";
  observed.jobs.clear();
  EXPECT_THAT(steps_of<Delete>(artifacts::plan(observed, settings(), kNow)), SizeIs(1));
}

}  // namespace
}  // namespace wan::reconcile::video_job
