#include "cluster_model.h"
#include "operator/reconcile/wan_deployment/plan.h"

namespace wan::reconcile::wan_deployment {
namespace {

using namespace wan::reconcile::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Plan plan_of(const Observed& observed, WallTime now = kNow) { return plan(observed, settings(), now); }

api::WanDeploymentStatus after(const Observed& observed, WallTime now = kNow) {
  return status_after(plan_of(observed, now), observed.deployment);
}

Observed fresh() { return {.deployment = make_wan_deployment(), .model = make_gallery_model()}; }

Observed serving(Observed observed = fresh()) {
  Cluster cluster;
  cluster.settle(observed);
  return observed;
}

// Made, with one pod that is not ready yet.
Observed starting() {
  Observed observed = serving();
  observed.deployment.status.conditions.clear();
  observed.children[0].ready_replicas = 0;
  api::Pod& pod = observed.pods[0];
  pod.ready = false;
  pod.containers[1].ready = false;
  observed.runtimes[0].phase = "Loading";
  return observed;
}

std::vector<std::string> kinds_applied(const Plan& plan) {
  std::vector<std::string> kinds;
  for (const Apply& step : steps_of<Apply>(plan)) kinds.push_back(step.object["kind"]);
  return kinds;
}

TEST(WanDeployment, MakesTheAccountBeforeThePodsThatNeedItAndWritesItsStatusLast) {
  const Observed observed = fresh();
  const Plan plan = plan_of(observed);
  EXPECT_THAT(kinds_applied(plan),
              ElementsAre("ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget",
                          "ControllerRevision", "Deployment", "ControllerRevision"));
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(acts_of(plan).back()));
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Creating");
  EXPECT_EQ(status.observed_generation, 1);
  EXPECT_EQ(status.endpoint, "http://tiny.films.svc:8080");
  EXPECT_EQ(status.selector, "wan.gallery/deployment=tiny");
  EXPECT_EQ(kstatus(status, 1), "InProgress");
}

TEST(WanDeployment, IsRunningOnceEveryReplicaIsReady) {
  Observed observed = fresh();
  observed.deployment.spec.replicas = 2;
  observed = serving(observed);
  const auto status = observed.deployment.status;
  EXPECT_EQ(status.phase, "Running");
  EXPECT_EQ(status.ready_replicas, 2);
  EXPECT_EQ(status.model->digest, "sha256:" + std::string(64, 'd'));
  EXPECT_EQ(message_of(status.conditions), "2 of 2 replicas are ready");
  EXPECT_EQ(kstatus(status, 1), "Current");
}

TEST(WanDeployment, WritesNothingOnceItRuns) {
  const Plan plan = plan_of(serving(), at(1000));
  EXPECT_THAT(plan.steps, IsEmpty());
  EXPECT_FALSE(plan.requeue_after);
}

TEST(WanDeployment, IsNotReadyWhileItsDeploymentLagsBehind) {
  Observed observed = serving();
  observed.children[0].metadata.generation = 9;
  EXPECT_EQ(kstatus(after(observed), 1), "InProgress");
}

TEST(WanDeployment, WaitsForAModelThatDoesNotExist) {
  Observed observed = fresh();
  observed.model.reset();
  const Plan plan = plan_of(observed);
  EXPECT_THAT(acts_of(plan), SizeIs(1));
  const auto status = status_after(plan, observed.deployment);
  EXPECT_EQ(status.phase, "Waiting");
  EXPECT_EQ(reason_of(status.conditions, "Reconciling"), "ModelNotFound");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("GalleryModel wan-tiny does not exist"));
}

TEST(WanDeployment, NamesTheProfilesThatExist) {
  Observed observed = fresh();
  observed.deployment.spec.profile = "tpu";
  const auto status = after(observed);
  EXPECT_EQ(status.phase, "Failed");
  EXPECT_EQ(reason_of(status.conditions, "Stalled"), "ProfileNotFound");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("no profile \"tpu\", it has: cpu, gpu"));
}

TEST(WanDeployment, ServesOnWhenItsModelIsRemovedFromTheGallery) {
  Observed observed = serving();
  observed.model.reset();
  EXPECT_THAT(plan_of(observed).steps, IsEmpty());
  observed.deployment.spec.suspend = true;
  EXPECT_EQ((*applied(plan_of(observed), "Deployment"))["spec"]["replicas"], 0) << "and can be stopped";
}

TEST(WanDeployment, ServesOnWhenItsSpecAsksForAModelThatDoesNotExist) {
  Observed observed = serving();
  observed.model.reset();
  observed.deployment.spec.model.name = "wan-huge";
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Apply>(plan), IsEmpty());
  const auto status = status_after(plan, observed.deployment);
  EXPECT_EQ(status.ready_replicas, 1);
  EXPECT_EQ(reason_of(status.conditions, "Reconciling"), "ModelNotFound");
  EXPECT_THAT(message_of(status.conditions), HasSubstr("1 of 1 replicas are ready with revision "));
}

class WanDeploymentConflict : public ::testing::TestWithParam<void (*)(Observed&)> {};

TEST_P(WanDeploymentConflict, TakesOverNothingThatBelongsToSomebodyElse) {
  Observed observed = serving();
  GetParam()(observed);
  const Plan plan = plan_of(observed);
  EXPECT_THAT(steps_of<Apply>(plan), IsEmpty());
  EXPECT_EQ(reason_of(status_after(plan, observed.deployment).conditions), "NameConflict");
  EXPECT_TRUE(plan.requeue_after) << "nobody tells when it goes";
}

INSTANTIATE_TEST_SUITE_P(
    Children, WanDeploymentConflict,
    ::testing::Values([](Observed& o) { o.service->metadata.controller->uid = "former"; },
                      [](Observed& o) { o.account->metadata.controller->uid = "former"; },
                      [](Observed& o) { o.policy->metadata.controller.reset(); },
                      [](Observed& o) { o.budget->metadata.controller->uid = "former"; }));

class WanDeploymentDrift : public ::testing::TestWithParam<std::pair<const char*, void (*)(Observed&)>> {};

TEST_P(WanDeploymentDrift, PutsBackWhatSomebodyElseChanged) {
  Observed observed = serving();
  GetParam().second(observed);
  EXPECT_THAT(kinds_applied(plan_of(observed)), ElementsAre(GetParam().first));
}

constexpr const char* kTaken = R"({"f:metadata":{},"f:spec":{"f:paused":{}}})";

INSTANTIATE_TEST_SUITE_P(
    Children, WanDeploymentDrift,
    ::testing::Values(std::pair{"Deployment", [](Observed& o) { o.children[0].owned = kTaken; }},
                      std::pair{"Deployment", [](Observed& o) { o.children[0].spec_replicas = 5; }},
                      std::pair{"Service", [](Observed& o) { o.service->owned = kTaken; }},
                      std::pair{"NetworkPolicy", [](Observed& o) { o.policy->owned = kTaken; }},
                      std::pair{"PodDisruptionBudget", [](Observed& o) { o.budget->owned = ""; }},
                      std::pair{"ServiceAccount", [](Observed& o) { o.account.reset(); }},
                      std::pair{"Deployment", [](Observed& o) { o.children.clear(); }}),
    [](const auto& info) { return std::string(info.param.first) + std::to_string(info.index); });

TEST(WanDeployment, IsScalingWhileReplicasAreMissing) {
  Observed observed = serving();
  observed.deployment.spec.replicas = 3;
  Cluster cluster;
  cluster.carry_out(plan_of(observed), observed);
  cluster.step(observed);
  EXPECT_EQ(after(observed).phase, "Scaling");
}

// Its Deployment was seen last when one pod had just gone; which pod goes now is being settled first.
TEST(WanDeployment, IsNotReadyWhileItsDeploymentStillWantsMore) {
  Observed observed = fresh();
  observed.deployment.spec.replicas = 2;
  observed = serving(observed);
  observed.deployment.spec.replicas = 1;
  api::Deployment& child = observed.children[0];
  child.replicas = child.updated_replicas = child.ready_replicas = 1;
  ASSERT_EQ(child.spec_replicas, 2);
  EXPECT_EQ(kstatus(after(observed), 1), "InProgress");
}

TEST(WanDeployment, StopsWhenSuspendedEvenWithAJobUnderWay) {
  Observed observed = serving();
  observed.deployment.spec.suspend = true;
  observed.assigned_pods = {observed.pods[0].metadata.uid};
  const Plan plan = plan_of(observed);
  EXPECT_EQ((*applied(plan, "Deployment"))["spec"]["replicas"], 0);
  EXPECT_EQ(status_after(plan, observed.deployment).phase, "Stopping");
  const auto status = serving(observed).deployment.status;
  EXPECT_EQ(status.phase, "Stopped");
  EXPECT_EQ(reason_of(status.conditions), "Suspended");
  EXPECT_EQ(kstatus(status, 1), "Current");
}

TEST(WanDeployment, TellsHowFarThePodIsThatIsFurthestBehind) {
  Observed observed = starting();
  api::RuntimeView view{.pod_uid = observed.pods[0].metadata.uid};
  view.weights = api::WeightsProgress{1'000, 10'000, 100, 90};
  observed.runtimes = {view};
  observed.deployment.status = after(observed);
  EXPECT_EQ(observed.deployment.status.weights, (api::WeightsStatus{1'000, 10'000, 100, 90}));
  observed.runtimes[0].weights->bytes_done = 1'099;
  EXPECT_EQ(after(observed).weights->bytes_done, 1'000) << "not worth a write";
  observed.runtimes[0].weights->bytes_done = 1'100;
  EXPECT_EQ(after(observed).weights->bytes_done, 1'100);
}

TEST(WanDeployment, DoesNothingWhileItIsDeleted) {
  Observed observed = serving();
  observed.deployment.metadata.deleted = kNow;
  EXPECT_THAT(plan_of(observed).steps, IsEmpty());
}

struct Trouble {
  std::string name;
  void (*cause)(Observed&);
  std::string phase;
  std::string reason;
  std::string message;
  std::string verdict;
};

class WanDeploymentTrouble : public ::testing::TestWithParam<Trouble> {};

TEST_P(WanDeploymentTrouble, IsToldInWordsAUserCanActOn) {
  Observed observed = starting();
  GetParam().cause(observed);
  const auto status = after(observed);
  EXPECT_EQ(status.phase, GetParam().phase);
  EXPECT_EQ(reason_of(status.conditions), GetParam().reason);
  EXPECT_THAT(message_of(status.conditions), HasSubstr(GetParam().message));
  EXPECT_EQ(kstatus(status, 1), GetParam().verdict);
}

api::ContainerState& pull(Observed& observed) { return observed.pods[0].containers[0]; }
api::ContainerState& runtime(Observed& observed) { return observed.pods[0].containers[1]; }

INSTANTIATE_TEST_SUITE_P(
    Causes, WanDeploymentTrouble,
    ::testing::Values(
        Trouble{"NoNode",
                [](Observed& o) {
                  o.pods[0].containers.clear();
                  o.pods[0].unschedulable = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu";
                },
                "Waiting", "Unschedulable", "3 Insufficient nvidia.com/gpu", "InProgress"},
        Trouble{"ImageNotPulled",
                [](Observed& o) {
                  pull(o) = {.name = "pull",
                             .init = true,
                             .waiting_reason = "ImagePullBackOff",
                             .waiting_message = "Back-off pulling image \"registry.example/wan-runtime:1\""};
                },
                "Waiting", "ImagePullFailed", "Back-off pulling image", "InProgress"},
        Trouble{"SecretMissing",
                [](Observed& o) {
                  runtime(o) = {.name = "runtime",
                                .waiting_reason = "CreateContainerConfigError",
                                .waiting_message = "secret \"x\" not found"};
                },
                "Waiting", "ContainerNotStarted", "secret \"x\" not found", "InProgress"},
        Trouble{"WeightsFailedOnce",
                [](Observed& o) {
                  pull(o) = {.name = "pull",
                             .init = true,
                             .terminated = api::Terminated{.exit_code = 1,
                                                           .message = "blob sha256:ab: digest differs"}};
                },
                "Waiting", "WeightsFailed", "exit code 1: blob sha256:ab: digest differs", "InProgress"},
        Trouble{"WeightsFailAgainAndAgain",
                [](Observed& o) {
                  pull(o) = {.name = "pull",
                             .init = true,
                             .restart_count = 4,
                             .waiting_reason = "CrashLoopBackOff",
                             .last_terminated = api::Terminated{
                                 .exit_code = 1, .message = R"({"error":{"message":"no entry wan-tiny"}})"}};
                },
                "Failed", "WeightsFailed", "exit code 1: no entry wan-tiny", "Failed"},
        Trouble{"OutOfMemory",
                [](Observed& o) {
                  runtime(o) = {.name = "runtime",
                                .restart_count = 3,
                                .waiting_reason = "CrashLoopBackOff",
                                .last_terminated = api::Terminated{.exit_code = 137, .reason = "OOMKilled"}};
                },
                "Failed", "RuntimeCrashed", "the profile's memory is too small", "Failed"},
        Trouble{"CrashedOftenAndLoadingAgain",
                [](Observed& o) {
                  runtime(o).restart_count = 5;
                  runtime(o).last_terminated = api::Terminated{.exit_code = 139};
                },
                "Failed", "RuntimeCrashed", "exit code 139", "Failed"},
        Trouble{"Evicted",
                [](Observed& o) {
                  o.pods[0].phase = "Failed";
                  o.pods[0].reason = "Evicted";
                  o.pods[0].message = "The node was low on resource: ephemeral-storage";
                  o.pods[0].containers.clear();
                },
                "Waiting", "PodFailed", "Evicted: The node was low on resource", "InProgress"},
        Trouble{"QuotaExceeded",
                [](Observed& o) {
                  o.pods.clear();
                  o.children[0].conditions = {
                      {"ReplicaFailure", "True", "FailedCreate", "exceeded quota: gpus"}};
                },
                "Waiting", "ReplicaFailure", "exceeded quota: gpus", "InProgress"},
        Trouble{"TooLong",
                [](Observed& o) {
                  o.children[0].conditions = {
                      {"Progressing", "False", "ProgressDeadlineExceeded", "has timed out progressing"}};
                },
                "Failed", "ProgressDeadlineExceeded", "has timed out progressing", "Failed"},
        Trouble{"FetchingWeights",
                [](Observed& o) {
                  pull(o) = {.name = "pull", .init = true, .running = true};
                  runtime(o) = {.name = "runtime", .waiting_reason = "PodInitializing"};
                },
                "Creating", "PullingWeights", "fetching and checking the weights", "InProgress"},
        Trouble{"Loading", [](Observed& o) { o.runtimes[0].message = "3 of 10 shards"; }, "Creating",
                "LoadingModel", "loading the model: 3 of 10 shards", "InProgress"},
        Trouble{"Probing", [](Observed& o) { o.runtimes[0].phase = "Probing"; }, "Creating", "Probing",
                "making the probe video", "InProgress"},
        Trouble{"NothingYet", [](Observed& o) { o.pods.clear(); }, "Creating", "StartingPods",
                "0 of 1 replicas are ready", "InProgress"}),
    [](const auto& info) { return info.param.name; });

TEST(WanDeployment, GetsWellByItselfAfterAFailure) {
  Observed observed = starting();
  runtime(observed).restart_count = 5;
  runtime(observed).last_terminated = api::Terminated{.exit_code = 1};
  Cluster().carry_out(plan_of(observed), observed);
  EXPECT_EQ(kstatus(observed.deployment.status, 1), "Failed");
  observed.pods[0].ready = true;
  observed.children[0].ready_replicas = 1;
  EXPECT_EQ(kstatus(after(observed), 1), "Current");
}

TEST(WanDeployment, CountsTheBytesThatThePodsHaveFetched) {
  Observed observed = starting();
  pull(observed).terminated->message = R"({"digest":"sha256:ab","bytes":12345})";
  EXPECT_EQ(after(observed).weights, (api::WeightsStatus{12345, 12345}));
}

TEST(WanDeployment, CancelsJobsThatNobodyAskedFor) {
  Observed observed = serving();
  observed.runtimes[0].jobs = {{.uid = "known", .attempt = 1, .phase = "Running"},
                               {.uid = "deleted", .attempt = 2, .phase = "Running"},
                               {.uid = "old", .attempt = 1, .phase = "Succeeded"}};
  observed.video_job_uids = {"known"};
  const auto cancels = steps_of<CancelOnPod>(plan_of(observed));
  ASSERT_THAT(cancels, SizeIs(1));
  EXPECT_EQ(cancels[0].job_uid, "deleted");
  EXPECT_EQ(cancels[0].attempt, 2);
}

}  // namespace
}  // namespace wan::reconcile::wan_deployment
