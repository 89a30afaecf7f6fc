#include "operator/reconcile/wan_deployment/scaling.h"

#include "cluster_model.h"

namespace wan::reconcile::wan_deployment {
namespace {

using namespace wan::reconcile::testing;

constexpr api::Scaling kScaling{.min = 0, .max = 8, .scale_to_zero_after_seconds = 600};

Load waiting(double units = 0) { return {.created = at(0), .units = units}; }
Load ended(int second, double took, double units = 0) {
  return {.created = at(0), .ended = at(second), .units = units, .took = took};
}

// As seen long after the deployment was made.
int replicas(const std::vector<Load>& loads, int before, int second = 10000,
             api::Scaling scaling = kScaling) {
  return choose_scale(scaling, loads, before, at(0), at(second)).replicas;
}

TEST(Scaling, AJobThatWaitsStartsTheFirstReplica) { EXPECT_EQ(replicas({waiting()}, 0), 1); }

TEST(Scaling, FollowsThePredictedSecondsAndNotTheNumberOfJobs) {
  const std::vector<Load> quick(10, waiting());
  std::vector<Load> loads = quick;
  loads.push_back(ended(100, 12));
  EXPECT_EQ(replicas(loads, 0), 1) << "10 jobs of 12 s";
  loads.back() = ended(100, 60);
  EXPECT_EQ(replicas(loads, 0), 5) << "10 jobs of 60 s";
}

TEST(Scaling, OneJobNeverNeedsTwoReplicas) { EXPECT_EQ(replicas({waiting(), ended(100, 5000)}, 0), 1); }

TEST(Scaling, ALargerJobIsPredictedByItsSize) {
  EXPECT_EQ(replicas({waiting(300), waiting(300), ended(100, 40, 100)}, 0), 2) << "two jobs of 120 s";
  EXPECT_EQ(replicas({waiting(100), waiting(100), ended(100, 40, 100)}, 0), 1) << "two jobs of 40 s";
}

TEST(Scaling, WhatIsUnderWayCountsWithWhatIsLeft) {
  Load almost = waiting();
  almost.left = 3;
  EXPECT_EQ(replicas({almost, almost, almost, ended(100, 400)}, 0), 1);
}

TEST(Scaling, StaysWithinItsBounds) {
  EXPECT_EQ(replicas(std::vector<Load>(100, waiting()), 0), 8);
  EXPECT_EQ(replicas({}, 5, 100000, {.min = 2, .max = 8}), 2);
}

TEST(Scaling, TakesReplicasAwayOnlyWhenTheWorkHasBeenGoneForAWhile) {
  const std::vector<Load> done(4, ended(10000, 120));
  EXPECT_EQ(replicas(done, 4, 10001), 4);
  EXPECT_EQ(replicas(done, 4, 10299), 4);
  EXPECT_EQ(replicas(done, 4, 10300), 1);
  EXPECT_EQ(replicas(done, 2, 10001), 2) << "work that is over never adds replicas";
}

TEST(Scaling, StopsTheLastReplicaAfterItsTime) {
  EXPECT_EQ(replicas({ended(10000, 10)}, 1, 10599), 1);
  EXPECT_EQ(replicas({ended(10000, 10)}, 1, 10600), 0);
  EXPECT_EQ(replicas({ended(10000, 10)}, 0, 10001), 0) << "does not start one for a job that is over";
}

TEST(Scaling, StopsSoonerThanItTakesReplicasAwayWhereThatIsAskedFor) {
  const api::Scaling soon{.min = 0, .max = 8, .scale_to_zero_after_seconds = 5};
  EXPECT_EQ(replicas({ended(10000, 10)}, 1, 10004, soon), 1);
  EXPECT_EQ(replicas({ended(10000, 10)}, 1, 10005, soon), 0);
}

TEST(Scaling, ANewDeploymentShowsThatItServesBeforeItStops) {
  EXPECT_EQ(choose_scale(kScaling, {}, std::nullopt, at(0), at(1)).replicas, 1);
  EXPECT_EQ(choose_scale(kScaling, {}, 1, at(0), at(600)).replicas, 0);
}

TEST(Scaling, SaysWhenTimeAloneChangesIt) {
  EXPECT_EQ(choose_scale(kScaling, {}, 1, at(0), at(100)).look_again, std::chrono::seconds(500));
  EXPECT_EQ(choose_scale(kScaling, {ended(900, 10)}, 1, at(0), at(1000)).look_again,
            std::chrono::seconds(200));
  EXPECT_FALSE(choose_scale(kScaling, {waiting()}, 1, at(0), at(10000)).look_again &&
               *choose_scale(kScaling, {waiting()}, 1, at(0), at(10000)).look_again <=
                   std::chrono::seconds(0));
  EXPECT_FALSE(choose_scale(kScaling, {}, 0, at(0), at(10000)).look_again) << "nothing is left to stop";
}

TEST(Scaling, JobsThatAskForNoReplicaDoNotCount) {
  api::VideoJob job = make_video_job();
  EXPECT_TRUE(load_of(job));
  job.spec.cancel = true;
  EXPECT_FALSE(load_of(job));
  job = make_video_job();
  job.metadata.deleted = at(0);
  EXPECT_FALSE(load_of(job));
  job = make_video_job();
  set_condition(job.status.conditions, {.type = "Ready", .status = "False", .reason = "NoArtifactStore"},
                at(0));
  EXPECT_FALSE(load_of(job));
}

TEST(Scaling, OfAJobIsReadFromItsSpecOrWhatWasUsed) {
  api::VideoJob job = make_video_job();
  EXPECT_EQ(load_of(job)->units, 0) << "the model's own values are not known here";
  job.spec.size = "96x64";
  job.spec.frames = 17;
  job.spec.steps = 10;
  EXPECT_EQ(load_of(job)->units, 96 * 64 * 17 * 10);
  job.status.phase = "Succeeded";
  job.status.completion_time = at(50);
  job.status.resolved = api::Resolved{.size = "32x32", .frames = 5, .steps = 2};
  job.status.timings = api::Timings{.queued = 1000, .text_encode = 1, .denoise = 5, .decode = 2};
  EXPECT_EQ(load_of(job)->units, 32 * 32 * 5 * 2);
  EXPECT_EQ(load_of(job)->took, 8);
  EXPECT_EQ(load_of(job)->ended, at(50));
}

TEST(Scaling, ADeploymentGoesToZeroAndBack) {
  Observed observed{.deployment = make_wan_deployment(), .model = make_gallery_model()};
  observed.deployment.spec.scaling = kScaling;
  Cluster cluster;
  cluster.settle(observed);
  EXPECT_EQ(observed.deployment.status.desired_replicas, 1);
  cluster.now = at(10000);
  cluster.settle(observed);
  EXPECT_EQ(observed.deployment.status.desired_replicas, 0);
  EXPECT_EQ(observed.deployment.status.phase, "Stopped");
  EXPECT_EQ(reason_of(observed.deployment.status.conditions), "ScaledToZero");
  EXPECT_TRUE(observed.pods.empty());
  observed.loads = {waiting()};
  cluster.settle(observed);
  EXPECT_EQ(observed.deployment.status.phase, "Running");
  EXPECT_EQ(observed.pods.size(), 1u);
}

TEST(Scaling, IgnoresSpecReplicas) {
  Observed observed{.deployment = make_wan_deployment(), .model = make_gallery_model()};
  observed.deployment.spec.scaling = kScaling;
  observed.deployment.spec.replicas = 7;
  Cluster cluster;
  cluster.settle(observed);
  EXPECT_EQ(observed.pods.size(), 1u);
}

}  // namespace
}  // namespace wan::reconcile::wan_deployment
