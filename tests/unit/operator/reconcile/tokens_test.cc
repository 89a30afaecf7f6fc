#include "base/crypto/sha256.h"
#include "cluster_model.h"
#include "operator/reconcile/objects/served_model.h"

namespace wan::reconcile::wan_deployment {
namespace {

using namespace wan::reconcile::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string hash_of(const Observed& observed, int generation) {
  return sha256_digest(access_token(observed.deployment, generation, settings()));
}

struct World {
  Observed observed{.deployment = make_wan_deployment(), .model = make_gallery_model()};
  Cluster cluster;

  explicit World(int grace = 3600) {
    observed.deployment.spec.access.previous_token_seconds = grace;
    cluster.settle(observed);
  }
  Plan rotate(int generation, int second) {
    observed.deployment.spec.access.token_generation = generation;
    cluster.now = at(second);
    cluster.carry_out(plan(observed, settings(), cluster.now), observed);
    return plan(observed, settings(), cluster.now);
  }
  std::vector<std::string> hashes(int second) {
    return status_after(plan(observed, settings(), at(second)), observed.deployment).token_hashes;
  }
};

TEST(Tokens, TheSecretFollowsItsAnchorAndNamesItAsOwner) {
  Observed observed{.deployment = make_wan_deployment(), .model = make_gallery_model()};
  Cluster cluster;
  const Plan first = plan(observed, settings(), kNow);
  EXPECT_THAT(steps_of<Create>(first), IsEmpty());
  EXPECT_FALSE(status_after(first, observed.deployment).token_secret_ref);
  cluster.carry_out(first, observed);
  const Plan second = plan(observed, settings(), kNow);
  ASSERT_THAT(steps_of<Create>(second), SizeIs(1));
  const Json secret = steps_of<Create>(second)[0].object;
  EXPECT_EQ(secret["metadata"]["name"], "tiny-token-1");
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["kind"], "ControllerRevision");
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["uid"], "ControllerRevision-tiny-token-1");
  const auto status = status_after(second, observed.deployment);
  EXPECT_EQ(status.token_secret_ref->name, "tiny-token-1");
  EXPECT_THAT(status.token_hashes, ElementsAre(hash_of(observed, 1)));
}

TEST(Tokens, TheOneBeforeStaysValidForItsGraceTimeAndThenItsSecretGoes) {
  World world;
  const Plan rotated = world.rotate(2, 100);
  ASSERT_THAT(steps_of<Create>(rotated), SizeIs(1));
  EXPECT_EQ(steps_of<Create>(rotated)[0].object["metadata"]["name"], "tiny-token-2");
  const std::string one = hash_of(world.observed, 1);
  const std::string two = hash_of(world.observed, 2);
  EXPECT_THAT(world.hashes(100), ElementsAre(two, one));
  EXPECT_THAT(world.hashes(3699), ElementsAre(two, one));
  EXPECT_THAT(world.hashes(3700), ElementsAre(two));
  const auto gone = steps_of<Delete>(plan(world.observed, settings(), at(3700)));
  ASSERT_THAT(gone, SizeIs(1));
  EXPECT_EQ(gone[0].ref.uid, "ControllerRevision-tiny-token-1");
}

TEST(Tokens, WhatWasValidStaysSoUntilTheNewSecretCanBeMade) {
  World world;
  world.observed.deployment.spec.access.token_generation = 2;
  const Plan first = plan(world.observed, settings(), kNow);
  EXPECT_THAT(status_after(first, world.observed.deployment).token_hashes,
              ElementsAre(hash_of(world.observed, 1)));
}

TEST(Tokens, OnlyTheOneBeforeHasAGraceTime) {
  World world;
  world.cluster.carry_out(world.rotate(2, 100), world.observed);
  world.rotate(7, 200);
  EXPECT_THAT(world.hashes(200), ElementsAre(hash_of(world.observed, 7), hash_of(world.observed, 2)));
  const auto gone = steps_of<Delete>(plan(world.observed, settings(), at(200)));
  ASSERT_THAT(gone, SizeIs(1));
  EXPECT_EQ(gone[0].ref.name, "tiny-token-1");
}

TEST(Tokens, NoGraceTimeEndsTheOneBeforeAtOnce) {
  World world(0);
  world.rotate(2, 100);
  EXPECT_THAT(world.hashes(100), ElementsAre(hash_of(world.observed, 2)));
}

TEST(Tokens, ThoseOfTheUserAreValidTooAndNamedOnce) {
  World world;
  const std::string own = "sha256:" + std::string(64, 'e');
  world.observed.deployment.spec.access.token_hashes = {own, hash_of(world.observed, 1)};
  EXPECT_THAT(world.hashes(0), ElementsAre(hash_of(world.observed, 1), own));
}

// One of the same name may have been on its way out, with an earlier WanDeployment, when it was made.
TEST(Tokens, TheSecretIsMadeAgainSomeTimesInTheNextMinutes) {
  World world;
  EXPECT_EQ(plan(world.observed, settings(), at(0)).requeue_after, std::chrono::seconds(5));
  EXPECT_EQ(plan(world.observed, settings(), at(21)).requeue_after, std::chrono::seconds(39));
  EXPECT_FALSE(plan(world.observed, settings(), at(300)).requeue_after);
  for (const int second : {4, 10, 59, 100, 300})
    EXPECT_THAT(steps_of<Create>(plan(world.observed, settings(), at(second))), IsEmpty()) << second;
  for (const int second : {5, 20, 60, 240})
    EXPECT_THAT(steps_of<Create>(plan(world.observed, settings(), at(second))), SizeIs(1)) << second;
}

TEST(Tokens, TheSecretIsMadeAgainByTheNextProcess) {
  World world;
  world.observed.first_look = true;
  EXPECT_THAT(steps_of<Create>(plan(world.observed, settings(), at(1000))), SizeIs(1));
}

TEST(Tokens, TheSecretIsMadeAgainWhenTheDeploymentBecomesReady) {
  World world;
  world.observed.deployment.status.conditions.clear();
  EXPECT_THAT(steps_of<Create>(plan(world.observed, settings(), kNow)), SizeIs(1));
}

}  // namespace
}  // namespace wan::reconcile::wan_deployment
