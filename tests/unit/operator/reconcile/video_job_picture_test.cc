// spec.image that is not in a ConfigMap: a blob of the store that the video goes to, taken in from elsewhere.

#include "builders.h"
#include "operator/reconcile/artifacts/plan.h"
#include "operator/reconcile/objects/artifact_target.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const std::string kDigest = "sha256:" + std::string(64, 'a');

Plan plan_of(const Observed& observed, WallTime now = kNow) { return plan_without_answer(observed, now); }

WallTime after_seconds(int seconds) { return kNow + std::chrono::seconds(seconds); }

Observed with_url(Observed observed, const std::string& url = "https://example.com/ball.png?key=secret") {
  observed.job.spec.image.emplace().url = url;
  return observed;
}

Observed with_bucket(Observed observed) {
  observed.job.spec.image.emplace().s3 =
      api::ImageBucket{"https://s3.example.com", "stills", "", {"stills-s3"}, "balls/red.png"};
  return observed;
}

ArtifactServer ready_server(const ArtifactTarget& target) {
  ArtifactServer server;
  server.deployment.emplace().ready_replicas = 1;
  server.service.emplace().metadata.name = artifact_server_name(identity_of(target));
  server.service->cluster_ip = "10.96.0.77";
  return server;
}

BlobRef looked_for(const Plan& plan) {
  const auto looks = steps_of<FindImage>(plan);
  return looks.size() == 1 ? std::get<BlobRef>(looks[0].image) : BlobRef{};
}

TEST(VideoJobWithPicture, HasItTakenInByTheServerOfItsVideo) {
  for (const bool own_pod : {false, true}) {
    const Observed observed = with_url(own_pod ? oneshot() : served());
    const BlobRef blob = looked_for(plan_of(observed));
    EXPECT_EQ(blob.server, "http://10.96.0.9:8080");
    EXPECT_EQ(blob.audience, artifact_audience(observed.job.metadata.namespace_, {.claim = "videos"}));
    EXPECT_EQ(blob.url, "https://example.com/ball.png?key=secret");
    EXPECT_EQ(blob.sha256, "");
  }
}

TEST(VideoJobWithPicture, SaysWhatItLooksForAndWritesNoMoreWhileThatIsTheSame) {
  Observed observed = with_url(served());
  const Plan first = plan_of(observed);
  observed.job.status = status_after(first, observed.job);
  EXPECT_EQ(message_of(observed.job.status.conditions), "looking for https://example.com/ball.png");
  observed.image = ImageFinding{"HTTP 403", kNow, "ImageUnavailable"};
  observed.job.status = status_after(plan_of(observed, after_seconds(1)), observed.job);
  const Plan again = plan_of(observed, after_seconds(5));
  EXPECT_THAT(steps_of<FindImage>(again), SizeIs(1));
  EXPECT_THAT(steps_of<WriteStatus>(again), IsEmpty());
  for (const Plan& looking : {first, again}) {
    EXPECT_EQ(looking.requeue_after, std::chrono::milliseconds(1)) << "what it finds is in the next plan";
  }
}

TEST(VideoJobWithPicture, WaitsForTheServerOfItsVideoFirst) {
  Observed observed = with_url(served());
  observed.artifacts.deployment->ready_replicas = 0;
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<FindImage>(plan), IsEmpty());
  EXPECT_EQ(reason_of(status_after(plan, observed.job).conditions), "WaitingForArtifactServer");
}

TEST(VideoJobWithPicture, IsGivenToThePodByItsDigest) {
  Observed observed = with_url(served());
  observed.image = ImageFinding{.at = kNow, .sha256 = kDigest};
  const auto given = steps_of<Dispatch>(plan_of(observed));
  ASSERT_THAT(given, SizeIs(1));
  EXPECT_EQ(std::get<BlobRef>(*given[0].image).sha256, kDigest);
}

TEST(VideoJobWithPicture, GoesOnWithTheBytesThatItBeganWith) {
  Observed observed = with_url(served());
  observed.job.status.resolved.emplace().image = kDigest;
  EXPECT_EQ(looked_for(plan_of(observed)).sha256, kDigest) << "another process has looked";
  observed.image = ImageFinding{.at = kNow, .sha256 = "sha256:" + std::string(64, 'b')};
  const auto given = steps_of<Dispatch>(plan_of(observed));
  ASSERT_THAT(given, SizeIs(1));
  EXPECT_EQ(std::get<BlobRef>(*given[0].image).sha256, kDigest);
}

TEST(VideoJobWithPicture, AnUploadIsLookedForByItsDigest) {
  Observed observed = served();
  observed.job.spec.image.emplace().upload = api::ImageUpload{kDigest};
  const BlobRef blob = looked_for(plan_of(observed));
  EXPECT_EQ(blob.sha256, kDigest);
  EXPECT_EQ(blob.url + blob.artifact_url, "");
}

TEST(VideoJobWithPicture, AsksAStrangerLessAndLessOften) {
  Observed observed = with_url(served());
  int looks = 0;
  for (const int pause : {5, 10, 20, 40, 80, 160, 300, 300}) {
    observed.image = ImageFinding{"https://example.com/ball.png: HTTP 403", kNow, "ImageUnavailable"};
    observed.image->looks = ++looks;
    const Plan early = plan_of(observed, after_seconds(pause - 1));
    EXPECT_THAT(steps_of<FindImage>(early), IsEmpty()) << pause;
    EXPECT_THAT(steps_of<FindImage>(plan_of(observed, after_seconds(pause))), SizeIs(1)) << pause;
  }
  const auto status = status_after(plan_of(observed, after_seconds(1)), observed.job);
  EXPECT_EQ(reason_of(status.conditions), "ImageUnavailable");
  EXPECT_EQ(message_of(status.conditions), "https://example.com/ball.png: HTTP 403");
  Observed waiting = observed;
  waiting.job.status = status;
  EXPECT_FALSE(stands_in_line(waiting.job));
}

TEST(VideoJobWithPicture, AsksEverySecondForOneThatIsOnItsWay) {
  Observed observed = with_url(served());
  observed.image = ImageFinding{"it is taken in", kNow, "ImageNotFound"};
  observed.image->on_its_way = true;
  observed.image->looks = 9;
  EXPECT_THAT(steps_of<FindImage>(plan_of(observed, after_seconds(1))), SizeIs(1));
}

TEST(VideoJobWithPicture, NeverTellsTheQueryOfASignedUrl) {
  const Observed observed = with_url(served());
  const auto status = status_after(plan_of(observed), observed.job);
  EXPECT_THAT(message_of(status.conditions), Not(HasSubstr("secret")));
}

TEST(VideoJobWithPicture, InABucketIsReadByAServerOfItsOwn) {
  Observed observed = with_bucket(served());
  const ArtifactTarget target = image_target(observed.job);
  const Plan waiting = plan_of(observed);
  EXPECT_THAT(steps_of<FindImage>(waiting), IsEmpty());
  const auto status = status_after(waiting, observed.job);
  EXPECT_EQ(reason_of(status.conditions), "WaitingForArtifactServer");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("bucket stills at https://s3.example.com"));
  observed.pictures = ready_server(target);
  const BlobRef blob = looked_for(plan_of(observed));
  EXPECT_EQ(blob.server, "http://10.96.0.9:8080");
  EXPECT_EQ(blob.artifact_url, "http://10.96.0.77:8080/v1/artifacts/balls/red.png");
  EXPECT_EQ(blob.artifact_path, "balls/red.png");
  EXPECT_EQ(blob.artifact_audience, artifact_audience(observed.job.metadata.namespace_, target));
}

TEST(VideoJobWithPicture, ItsServerIsAnotherThanThatOfVideosInTheSameBucket) {
  api::VideoJob job = with_bucket(served()).job;
  job.spec.output.emplace().s3 =
      api::OutputBucket{"https://s3.example.com", "stills", "", {"stills-s3"}, "red.mp4"};
  const auto targets = own_targets(job);
  ASSERT_THAT(targets, SizeIs(2));
  EXPECT_NE(identity_of(targets[0]), identity_of(targets[1]));
  EXPECT_FALSE(targets[0].read_only);
  EXPECT_TRUE(targets[1].read_only);
}

TEST(VideoJobWithPicture, ItsServerWritesNothingAndGoesWhenTheJobHasEnded) {
  artifacts::Observed observed{.namespace_ = "films", .jobs = {with_bucket(oneshot()).job}};
  observed.target = identity_of(image_target(observed.jobs[0]));
  const auto made = steps_of<Apply>(artifacts::plan(observed, settings(), kNow));
  ASSERT_THAT(made, SizeIs(2));
  const Json& pod = made[1].object["spec"]["template"]["spec"];
  const auto command = pod["containers"][0]["command"].get<std::vector<std::string>>();
  EXPECT_THAT(command, ::testing::Contains("--read-only"));
  EXPECT_THAT(command, ::testing::Contains("stills"));
  observed.jobs[0].status.phase = "Succeeded";
  EXPECT_THAT(own_targets(observed.jobs[0]), SizeIs(1)) << "that of its video";
}

TEST(VideoJobWithPicture, PicturesMayComeFromWhereTheOperatorSays) {
  artifacts::Observed observed{.namespace_ = "films", .jobs = {with_url(oneshot()).job}};
  observed.target = identity_of(artifact_target(observed.jobs[0], nullptr));
  Settings with_networks = settings();
  with_networks.picture_networks = "10.1.0.0/16,fd00::/8";
  const auto command_of = [&](const Settings& chosen) {
    return steps_of<Apply>(artifacts::plan(observed, chosen, kNow))[1]
        .object["spec"]["template"]["spec"]["containers"][0]["command"]
        .get<std::vector<std::string>>();
  };
  EXPECT_THAT(command_of(settings()), Not(::testing::Contains("--picture-networks")));
  EXPECT_THAT(command_of(with_networks), ::testing::Contains("10.1.0.0/16,fd00::/8"));
}

}  // namespace
}  // namespace wan::reconcile::video_job
