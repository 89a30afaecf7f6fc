#include "operator/reconcile/wan_deployment/rollout.h"

#include <cstdlib>
#include <random>

#include "cluster_model.h"
#include "operator/reconcile/wan_deployment/revisions.h"

namespace wan::reconcile::wan_deployment {
namespace {

using namespace wan::reconcile::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A group of the size, its pods and its Deployment.
struct Held {
  api::Deployment child;
  std::vector<api::Pod> pods;

  Held(int wanted, int ready, bool unschedulable = false) {
    child.spec_replicas = wanted;
    for (int i = 0; i < wanted; ++i) {
      pods.push_back(ready_pod("p" + std::to_string(i)));
      pods.back().ready = i < ready;
    }
    if (unschedulable) pods.back().unschedulable = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu";
  }
  [[nodiscard]] Group group() const {
    Group group{.child = &child};
    for (const api::Pod& pod : pods) group.pods.push_back(&pod);
    return group;
  }
};

struct ShareCase {
  const char* name;
  int desired;
  Held current;
  Held old;
  Shares expected;
};

class ShareOut : public ::testing::TestWithParam<ShareCase> {};

TEST_P(ShareOut, GivesEachRevisionItsReplicas) {
  const ShareCase& given = GetParam();
  EXPECT_EQ(share_out(given.desired, given.current.group(), {given.old.group()}), given.expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ShareOut,
    ::testing::Values(
        ShareCase{"OneNewPodBesideTheOldOnes", 3, {0, 0}, {3, 3}, {1, {3}}},
        ShareCase{"AnOldOneGoesWhenANewOneIsReady", 3, {1, 1}, {3, 3}, {2, {2}}},
        ShareCase{"ANewOneThatLoadsTakesNothingAway", 3, {1, 0}, {3, 3}, {1, {3}}},
        ShareCase{"AnOldOneMakesRoomForANewOneThatFindsNone", 3, {1, 0, true}, {3, 3}, {2, {2}}},
        ShareCase{"NoMoreThanOneMakesRoom", 3, {2, 0, true}, {2, 2}, {2, {2}}},
        ShareCase{"TheOnlyOneMakesRoomToo", 1, {1, 0, true}, {1, 1}, {1, {0}}},
        ShareCase{"WhatMadeRoomDoesNotComeBackWhileTheNewOneLoads", 1, {1, 0}, {0, 0}, {1, {0}}},
        ShareCase{"OldOnesThatServeNobodyGoAtOnce", 2, {0, 0}, {2, 0}, {2, {0}}},
        ShareCase{"OldOnesAreNeverGivenMore", 5, {0, 0}, {2, 2}, {4, {2}}},
        ShareCase{"FewerDesiredDuringARollout", 1, {1, 1}, {2, 2}, {1, {0}}},
        ShareCase{"NoneDesired", 0, {1, 1}, {2, 2}, {0, {0}}},
        ShareCase{"TheLast", 2, {2, 2}, {0, 0}, {2, {0}}}),
    [](const auto& info) { return info.param.name; });

TEST(Rollout, DrainsNothingForAPodThatNoFreedGpuWouldHelp) {
  Held current(1, 0);
  current.pods[0].unschedulable =
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector";
  EXPECT_EQ(share_out(2, current.group(), {Held(2, 2).group()}).old[0], 2);
}

TEST(Rollout, AUsedUpQuotaIsALackOfRoom) {
  Held current(0, 0);
  current.child.conditions = {
      {"ReplicaFailure", "True", "FailedCreate", "pods is forbidden: exceeded quota: gpus"}};
  EXPECT_EQ(share_out(2, current.group(), {Held(2, 2).group()}).old[0], 1);
}

// A deployment of so many replicas that serves, in a cluster with room for so many pods.
struct World {
  Observed observed{.deployment = make_wan_deployment(), .model = make_gallery_model()};
  Cluster cluster;
  Settings operator_settings = settings();

  World(int replicas, int room) {
    observed.deployment.spec.replicas = replicas;
    cluster.room = room;
    cluster.settle(observed);
  }
  void change_spec(const std::string& note) {
    observed.deployment.spec.pod_template = api::PodTemplate{{{}, {{"note", note}}}};
    ++observed.deployment.metadata.generation;
  }
  [[nodiscard]] Plan look() const { return plan(observed, operator_settings, cluster.now); }
  [[nodiscard]] std::string newest() const { return history_of(observed).front().hash; }
  [[nodiscard]] std::string hash_after() const {
    Observed next = observed;
    Cluster copy = cluster;
    copy.carry_out(look(), next);
    return history_of(next).front().hash;
  }
  [[nodiscard]] int ready() const {
    return static_cast<int>(std::ranges::count_if(observed.pods, &api::Pod::ready));
  }
  // Settles, and returns the least that were ready on the way.
  int settle() {
    int least = ready();
    for (int i = 0; i < 200; ++i) {
      const Plan plan = look();
      cluster.carry_out(plan, observed);
      const auto before = observed.pods;
      cluster.step(observed);
      least = std::min(least, ready());
      if (acts_of(plan).empty() && before == observed.pods) return least;
    }
    ADD_FAILURE() << "never at rest";
    return least;
  }
  [[nodiscard]] std::string state() const {
    return kstatus(observed.deployment.status, observed.deployment.metadata.generation);
  }
  [[nodiscard]] const api::Conditions& conditions() const { return observed.deployment.status.conditions; }
};

TEST(Rollout, AnOperatorUpgradeTouchesNothing) {
  World world(2, 2);
  world.operator_settings.runtime_image = "registry.example/wan-runtime:2";
  EXPECT_THAT(world.look().steps, IsEmpty());
}

TEST(Rollout, AnEditOfTheGalleryTouchesNothing) {
  World world(2, 2);
  world.observed.model->spec.source.digest = "sha256:" + std::string(64, '9');
  world.observed.model->spec.profiles[0].memory = {"64Gi"};
  EXPECT_THAT(world.look().steps, IsEmpty());
}

TEST(Rollout, UpdatePolicyAutoFollowsBoth) {
  World world(1, 2);
  world.observed.deployment.spec.update_policy = "Auto";
  EXPECT_THAT(acts_of(world.look()), IsEmpty()) << "nothing has changed yet";
  world.operator_settings.runtime_image = "registry.example/wan-runtime:2";
  world.settle();
  EXPECT_EQ(history_of(world.observed).front().data["image"], "registry.example/wan-runtime:2");
  EXPECT_EQ(world.observed.pods[0].metadata.label(api::kLabelRevision), world.newest());
}

TEST(Rollout, FieldsThatPodsAreNotMadeFromMakeNoRevision) {
  World world(1, 2);
  world.observed.deployment.spec.replicas = 2;
  world.observed.deployment.spec.access.token_generation = 2;
  world.settle();
  EXPECT_THAT(history_of(world.observed), SizeIs(1));
}

TEST(Rollout, WithRoomNoReplicaIsMissing) {
  World world(3, 4);
  const std::string before = world.newest();
  world.change_spec("b");
  EXPECT_EQ(world.settle(), 3);
  EXPECT_NE(world.newest(), before);
  EXPECT_EQ(world.state(), "Current");
  EXPECT_THAT(world.observed.children, SizeIs(1)) << "the old Deployment is gone";
  EXPECT_THAT(history_of(world.observed), SizeIs(2)) << "its revision is kept";
}

TEST(Rollout, WithoutRoomOneReplicaIsMissing) {
  World world(3, 3);
  world.change_spec("b");
  EXPECT_EQ(world.settle(), 2);
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, WithOneGpuTheOnlyReplicaIsReplaced) {
  World world(1, 1);
  world.change_spec("b");
  EXPECT_EQ(world.settle(), 0);
  EXPECT_EQ(world.ready(), 1);
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, ABusyReplicaEndsItsJobFirst) {
  World world(1, 1);
  const std::string busy = world.observed.pods[0].metadata.uid;
  world.observed.assigned_pods = {busy};
  world.change_spec("b");
  EXPECT_EQ(world.settle(), 1);
  EXPECT_TRUE(
      std::ranges::any_of(world.observed.pods, [&](const auto& p) { return p.metadata.uid == busy; }));
  world.observed.assigned_pods.clear();
  world.settle();
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, OfTwoReplicasTheIdleOneIsReplacedFirst) {
  World world(2, 2);
  const std::string busy = world.observed.pods[0].metadata.uid;
  world.observed.assigned_pods = {busy};
  world.change_spec("b");
  world.settle();
  EXPECT_EQ(world.ready(), 2) << "the busy one and a new one";
  EXPECT_TRUE(
      std::ranges::any_of(world.observed.pods, [&](const auto& p) { return p.metadata.uid == busy; }));
}

class GivenUp : public ::testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(GivenUp, ARevisionThatCrashesLeavesTheOldOneServingAndSaysWhy) {
  const auto [replicas, room] = GetParam();
  World world(replicas, room);
  world.change_spec("b");
  world.cluster.broken = {world.hash_after()};
  const int least = world.settle();
  EXPECT_GE(least, room > replicas ? replicas : replicas - 1);
  EXPECT_EQ(world.ready(), replicas);
  EXPECT_EQ(world.state(), "Failed");
  EXPECT_EQ(reason_of(world.conditions(), "Stalled"), "RolledBack");
  EXPECT_THAT(message_of(world.conditions()), HasSubstr("no such kernel"));
  EXPECT_THAT(message_of(world.conditions()), HasSubstr("replicas are ready with revision"));
  EXPECT_EQ(world.observed.deployment.status.phase, "Running");
}

TEST_P(GivenUp, RevertingTheSpecHealsIt) {
  const auto [replicas, room] = GetParam();
  World world(replicas, room);
  const std::string first = world.newest();
  world.change_spec("b");
  world.cluster.broken = {world.hash_after()};
  world.settle();
  world.observed.deployment.spec.pod_template.reset();
  ++world.observed.deployment.metadata.generation;
  EXPECT_EQ(world.settle(), replicas);
  EXPECT_EQ(world.newest(), first) << "the pods that served all the time";
  EXPECT_EQ(world.state(), "Current");
}

TEST_P(GivenUp, FixingTheSpecHealsIt) {
  const auto [replicas, room] = GetParam();
  World world(replicas, room);
  world.change_spec("b");
  world.cluster.broken = {world.hash_after()};
  world.settle();
  world.change_spec("c");
  EXPECT_GE(world.settle(), replicas - 1);
  EXPECT_EQ(world.state(), "Current");
  EXPECT_EQ(world.observed.pods[0].metadata.label(api::kLabelRevision), world.newest());
}

INSTANTIATE_TEST_SUITE_P(ReplicasAndRoom, GivenUp,
                         ::testing::Values(std::tuple(1, 1), std::tuple(1, 2), std::tuple(3, 3),
                                           std::tuple(3, 5)));

TEST(Rollout, ARevisionThatWasGivenUpIsTriedAgainWhenTheSpecComesBackToIt) {
  World world(1, 2);
  world.change_spec("b");
  world.cluster.broken = {world.hash_after()};
  world.settle();
  world.observed.deployment.spec.pod_template.reset();
  world.settle();
  world.cluster.broken.clear();
  world.change_spec("b");
  world.settle();
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, WhatNeverServedFollowsAGalleryThatIsPutRight) {
  World world(1, 1);
  world.observed = {.deployment = make_wan_deployment(), .model = make_gallery_model()};
  world.cluster.broken = {world.hash_after()};
  world.settle();
  EXPECT_EQ(world.state(), "Failed");
  world.observed.model->spec.source.local->path = "/where/it/is";
  ++world.observed.model->metadata.generation;
  world.settle();
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, WhatWasGivenUpFollowsAGalleryThatIsPutRight) {
  World world(2, 3);
  world.change_spec("b");
  world.cluster.broken = {world.hash_after()};
  world.settle();
  EXPECT_EQ(reason_of(world.conditions(), "Stalled"), "RolledBack");
  world.observed.model->spec.source.local->path = "/where/it/is";
  EXPECT_EQ(world.settle(), 2) << "what serves goes on meanwhile";
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, AFailedProbeIsEnoughToGiveUp) {
  World world(1, 2);
  world.change_spec("b");
  world.cluster.carry_out(world.look(), world.observed);
  world.cluster.step(world.observed);
  api::RuntimeView view = ready_view(world.observed.pods[1].metadata.name);
  view.phase = "Failed";
  view.message = "the probe video is black";
  world.observed.runtimes.push_back(view);
  const auto status = status_after(world.look(), world.observed.deployment);
  EXPECT_EQ(reason_of(status.conditions), "RolledBack");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("the probe video is black"));
}

TEST(Rollout, TheFirstRevisionIsNeverGivenUp) {
  World world(1, 1);
  world.observed = {.deployment = make_wan_deployment(), .model = make_gallery_model()};
  world.cluster.broken = {world.hash_after()};
  world.settle();
  EXPECT_EQ(reason_of(world.conditions(), "Stalled"), "RuntimeCrashed");
  world.change_spec("b");
  world.settle();
  EXPECT_EQ(world.state(), "Current") << "the broken pod gives its room at once";
}

TEST(Rollout, WaitsBesideTheOldOneForANodeThatMatches) {
  World world(1, 1);
  world.cluster.no_room = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector";
  world.change_spec("b");
  EXPECT_EQ(world.settle(), 1);
  EXPECT_EQ(reason_of(world.conditions(), "Reconciling"), "Unschedulable");
  world.observed.deployment.spec.pod_template.reset();
  EXPECT_EQ(world.settle(), 1);
  EXPECT_EQ(world.state(), "Current");
}

TEST(Rollout, GivesUpWhatStillFindsNoRoomLongAfterAReplicaMadeSome) {
  World world(1, 1);
  world.cluster.room = 0;  // the new pods need more than was freed
  world.change_spec("b");
  world.settle();
  EXPECT_EQ(world.ready(), 0);
  const Plan waiting = world.look();
  ASSERT_TRUE(waiting.requeue_after);
  EXPECT_LE(*waiting.requeue_after, kRolloutPatience);
  world.cluster.now += kRolloutPatience;
  world.cluster.room = 1;
  world.cluster.carry_out(world.look(), world.observed);
  EXPECT_EQ(reason_of(world.conditions()), "RolledBack");
  world.settle();
  EXPECT_EQ(world.ready(), 1);
}

TEST(Rollout, PodsOfBeforeThereWereRevisionsAreReplaced) {
  for (const int room : {1, 2}) {
    World world(1, room);
    // The one Deployment that earlier operators made, named like the WanDeployment.
    world.observed.revisions.clear();
    world.observed.children[0].metadata.labels.erase(api::kLabelRevision);
    world.observed.children[0].metadata.name = "tiny";
    world.observed.children[0].metadata.uid = "legacy";
    world.observed.pods[0].metadata.labels.erase(api::kLabelRevision);
    EXPECT_EQ(world.settle(), room - 1);
    EXPECT_EQ(world.state(), "Current");
    ASSERT_THAT(world.observed.children, SizeIs(1));
    EXPECT_NE(world.observed.children[0].metadata.uid, "legacy");
  }
}

TEST(Rollout, KeepsTenRevisionsBesideTheOneThatServes) {
  World world(1, 2);
  for (int i = 0; i < 15; ++i) {
    world.change_spec("note " + std::to_string(i));
    world.settle();
  }
  EXPECT_THAT(history_of(world.observed), SizeIs(kHistoryLimit + 1));
  EXPECT_EQ(history_of(world.observed).front().number, 16);
}

// Changes of the spec at any moment, with too little room, busy pods and revisions that crash: whatever
// happened, it comes to rest, serving what the spec asks for or a revision that works, with all its replicas.
TEST(Rollout, ComesToRestAfterAnyChanges) {
  const unsigned seeds = std::getenv("WAN_LONG") ? 2000 : 30;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    World world(1 + pick(4), 0);
    world.cluster.room = world.observed.deployment.spec.replicas + pick(2);
    world.settle();
    for (int i = 0; i < 12; ++i) {
      if (pick(3) == 0) world.change_spec("note " + std::to_string(pick(3)));
      if (pick(6) == 0) world.observed.deployment.spec.replicas = 1 + pick(world.cluster.room);
      if (pick(4) == 0 && history_of(world.observed).size() > 1) world.cluster.broken = {world.hash_after()};
      world.observed.assigned_pods.clear();
      for (const api::Pod& pod : world.observed.pods) {
        if (pod.ready && pick(3) == 0) world.observed.assigned_pods.insert(pod.metadata.uid);
      }
      world.cluster.carry_out(world.look(), world.observed);
      if (pick(4) != 0) world.cluster.step(world.observed);
    }
    world.observed.assigned_pods.clear();
    world.cluster.broken.clear();
    world.settle();
    EXPECT_EQ(world.ready(), world.observed.deployment.spec.replicas) << "seed " << seed;
    world.change_spec("the last");
    world.settle();
    EXPECT_EQ(world.ready(), world.observed.deployment.spec.replicas) << "seed " << seed;
    EXPECT_EQ(world.state(), "Current") << "seed " << seed << message_of(world.conditions());
  }
}

}  // namespace
}  // namespace wan::reconcile::wan_deployment
