#include "operator/execute/observe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/identifiers.h"
#include "operator/dispatch/dispatcher.h"
#include "operator/reconcile/objects/artifact_target.h"
#include "operator/reconcile/objects/names.h"
#include "tests/support/fake_api.h"
#include "tests/support/run_task.h"

namespace wan::execute {
namespace {

using ::testing::ElementsAre;

int next_version = 1;

Json object(const std::string& namespace_, const std::string& name, const std::string& yaml = "{}") {
  Json made = parse_yaml(yaml).value();
  made["metadata"]["namespace"] = namespace_;
  made["metadata"]["name"] = name;
  made["metadata"]["uid"] = "uid-" + name;
  made["metadata"]["resourceVersion"] = std::to_string(next_version++);
  return made;
}

Json labelled(Json made, const std::string& label, const std::string& value) {
  made["metadata"]["labels"][label] = value;
  return made;
}

class ObserveTest : public ::testing::Test {
 protected:
  void put(cache::StoreBase& store, Json made) { store.writer("").handle(cache::Applied{std::move(made)}); }
  void put_deployment() {
    put(caches_.wan_deployments,
        object("ns", "tiny", "spec: {model: {name: wan-tiny}, artifacts: {pvc: {claimName: videos}}}"));
  }
  void put_job(const std::string& name, const std::string& phase = "") {
    put(caches_.video_jobs,
        object("ns", name,
               "{spec: {deploymentRef: {name: tiny}, prompt: p}, status: {phase: \"" + phase + "\"}}"));
  }

  asio::io_context context_;
  SystemClock clock_;
  Caches caches_;
  dispatch::CapabilityIssuer issuer_{std::string(32, 's'), clock_};
  dispatch::Dispatcher runtimes_{context_.get_executor(), issuer_, dispatch::DispatcherSettings(),
                                 [](const dispatch::PodRef&, const dispatch::Change&) {}};
};

TEST_F(ObserveTest, FindsNothingForAnObjectThatIsGone) {
  EXPECT_FALSE(observe_gallery_model(caches_, {"", "x"}));
  EXPECT_FALSE(observe_wan_deployment(caches_, runtimes_, {"ns", "x"}));
  EXPECT_FALSE(observe_video_job(caches_, runtimes_, {"ns", "x"}));
}

TEST_F(ObserveTest, FindsPodsOfADeploymentByItsUidAndNotByItsName) {
  put_deployment();
  put(caches_.pods, labelled(object("ns", "new"), api::kLabelOwnerUid, "uid-tiny"));
  Json old = labelled(object("ns", "old"), api::kLabelOwnerUid, "uid-of-a-former-tiny");
  put(caches_.pods, labelled(old, api::kLabelDeployment, "tiny"));
  const auto observed = observe_wan_deployment(caches_, runtimes_, {"ns", "tiny"});
  ASSERT_TRUE(observed);
  ASSERT_EQ(observed->pods.size(), 1U);
  EXPECT_EQ(observed->pods[0].metadata.name, "new");
}

TEST_F(ObserveTest, FindsChildrenByTheirOwnerAndLeavesOutTheArtifactServerThatItOwns) {
  put_deployment();
  const std::string owner = "{metadata: {ownerReferences: [{controller: true, uid: uid-tiny}]}}";
  put(caches_.deployments, object("ns", "tiny-0123456789", owner));
  put(caches_.deployments, labelled(object("ns", "server", owner), api::kLabelArtifacts, "01234567"));
  put(caches_.deployments, object("ns", "tiny"));
  put(caches_.revisions, object("ns", "tiny-0123456789", owner));
  const auto observed = observe_wan_deployment(caches_, runtimes_, {"ns", "tiny"});
  ASSERT_EQ(observed->children.size(), 1U);
  EXPECT_EQ(observed->children[0].metadata.name, "tiny-0123456789");
  EXPECT_EQ(observed->revisions.size(), 1U);
}

TEST_F(ObserveTest, FindsThePodsThatUnfinishedJobsAreAssignedTo) {
  put_deployment();
  const auto assigned = [](const std::string& phase, const std::string& pod) {
    return "{spec: {deploymentRef: {name: tiny}, prompt: p}, status: {phase: " + phase +
           ", assignment: {podUID: " + pod + "}}}";
  };
  put(caches_.video_jobs, object("ns", "a", assigned("Running", "uid-pod-a")));
  put(caches_.video_jobs, object("ns", "b", assigned("Succeeded", "uid-pod-b")));
  put(caches_.pods, labelled(object("ns", "pod-a"), api::kLabelOwnerUid, "uid-tiny"));
  put(caches_.pods, labelled(object("ns", "pod-b"), api::kLabelOwnerUid, "uid-tiny"));
  const auto observed = observe_wan_deployment(caches_, runtimes_, {"ns", "tiny"});
  EXPECT_EQ(observed->assigned_pods, std::set<std::string>{"uid-pod-a"});
}

TEST_F(ObserveTest, CountsTheJobsOfTheSameDeploymentThatGoFirst) {
  put_deployment();
  put_job("a", "Succeeded");
  put_job("b");
  put_job("c");
  put(caches_.video_jobs, object("other", "d", "spec: {deploymentRef: {name: tiny}, prompt: p}"));
  const auto observed = observe_video_job(caches_, runtimes_, {"ns", "c"});
  ASSERT_TRUE(observed);
  ASSERT_TRUE(observed->deployment);
  EXPECT_EQ(observed->turn.before, 1U);
  EXPECT_FALSE(observed->turn.replica_ready);
}

TEST_F(ObserveTest, FindsTheAssignedPodByItsUidEvenWhenTheDeploymentHasGone) {
  put(caches_.video_jobs, object("ns", "a",
                                 "{spec: {deploymentRef: {name: tiny}, prompt: p}, status: {phase: "
                                 "Running, assignment: {podName: p, podUID: uid-p, attempt: 1}}}"));
  put(caches_.pods, labelled(object("ns", "p"), api::kLabelOwnerUid, "uid-of-a-former-tiny"));
  const auto observed = observe_video_job(caches_, runtimes_, {"ns", "a"});
  ASSERT_TRUE(observed);
  ASSERT_EQ(observed->pods.size(), 1U);
  EXPECT_EQ(observed->pods[0].metadata.name, "p");
}

TEST_F(ObserveTest, FindsTheArtifactServerOfTheClaimThatTheJobsDeploymentNames) {
  put_deployment();
  put_job("a");
  const std::string server = reconcile::artifact_server_name("videos");
  put(caches_.services, object("ns", server, "spec: {clusterIP: 10.0.0.7}"));
  put(caches_.pods,
      labelled(object("ns", "server-pod"), api::kLabelArtifacts, reconcile::identity_hash("videos")));
  const auto observed = observe_video_job(caches_, runtimes_, {"ns", "a"});
  ASSERT_TRUE(observed);
  ASSERT_TRUE(observed->artifacts.service);
  EXPECT_EQ(observed->artifacts.service->cluster_ip, "10.0.0.7");
  EXPECT_EQ(observed->artifacts.pods.size(), 1U);
}

TEST_F(ObserveTest, NamesTheOldestReferentsOfAClaimInItsNamespace) {
  put_deployment();
  put(caches_.video_jobs,
      object("ns", "a", "spec: {model: {name: m}, prompt: p, output: {pvc: {claimName: videos}}}"));
  put(caches_.video_jobs,
      object("other", "b", "spec: {model: {name: m}, prompt: p, output: {pvc: {claimName: videos}}}"));
  const auto observed = observe_artifacts(caches_, {"ns", "videos"});
  ASSERT_EQ(observed.deployments.size(), 1U);
  ASSERT_EQ(observed.jobs.size(), 1U);
  EXPECT_EQ(observed.jobs[0].metadata.name, "a");
  EXPECT_TRUE(observe_artifacts(caches_, {"ns", "unused"}).deployments.empty());
}

TEST_F(ObserveTest, KnowsTheReferentsOfABucket) {
  const std::string bucket = "endpoint: 'https://e', bucket: films, secretRef: {name: s}";
  put(caches_.wan_deployments,
      object("ns", "tiny", "spec: {model: {name: m}, artifacts: {s3: {" + bucket + "}}}"));
  put(caches_.video_jobs,
      object("ns", "a", "spec: {model: {name: m}, prompt: p, output: {s3: {key: a.mp4, " + bucket + "}}}"));
  put(caches_.video_jobs, object("ns", "b",
                                 "spec: {model: {name: m}, prompt: p, output: {s3: {key: a.mp4, endpoint: "
                                 "'https://e', bucket: films, secretRef: {name: other}}}}"));
  const std::string target = "https://e/films/?region=us-east-1&secret=s";
  const auto observed = observe_artifacts(caches_, {"ns", target});
  EXPECT_EQ(observed.target, target);
  EXPECT_EQ(observed.deployments.size(), 1U);
  ASSERT_EQ(observed.jobs.size(), 1U);
  EXPECT_EQ(observed.jobs[0].metadata.name, "a");
}

TEST_F(ObserveTest, AsksTheApiServerForObjectsThatTheCacheDoesNotHold) {
  testing::FakeApi api;
  put_deployment();
  auto observed = observe_wan_deployment(caches_, runtimes_, {"ns", "tiny"});
  ASSERT_TRUE(testing::run_task(context_, look_for_others(api, *observed)));
  EXPECT_FALSE(observed->service);
  api.put(kube::kServices, object("ns", "tiny", "spec: {clusterIP: 10.0.0.8}"));
  ASSERT_TRUE(testing::run_task(context_, look_for_others(api, *observed)));
  ASSERT_TRUE(observed->service);
  EXPECT_EQ(observed->service->cluster_ip, "10.0.0.8");
  api.fail_next("get", unavailable("down"));
  observed->service.reset();
  EXPECT_FALSE(testing::run_task(context_, look_for_others(api, *observed)));
}

class RefusalTest : public ObserveTest {
 protected:
  RefusalTest() {
    Json job = object("ns", "own", "{spec: {model: {name: m}, prompt: p}, status: {attempts: 1}}");
    put(caches_.video_jobs, std::move(job));
    put_run(0);
    api_.put(kube::kEvents, object("ns", "event", "{reason: FailedCreate, note: 'exceeded quota: small'}"));
  }
  void put_run(int active) {
    const std::string owner =
        "ownerReferences: [{kind: VideoJob, name: own, uid: uid-own, controller: true}]";
    put(caches_.jobs, object("ns", "own-run-1",
                             "{metadata: {creationTimestamp: '2026-11-30T12:00:00Z', " + owner +
                                 "}, status: {active: " + std::to_string(active) + "}}"));
  }
  std::string refusal_at(const std::string& time) {
    auto observed = observe_video_job(caches_, runtimes_, {"ns", "own"}).value();
    testing::run_task(context_, look_for_refusal(api_, parse_time(time).value(), observed));
    return observed.run_refusal;
  }

  testing::FakeApi api_;
};

// A creation has whole seconds: a second later it may have been just now.
TEST_F(RefusalTest, IsNotLookedForBeforeAPodHasHadASecond) {
  EXPECT_EQ(refusal_at("2026-11-30T12:00:01.900Z"), "");
  EXPECT_TRUE(api_.calls().empty());
  EXPECT_EQ(refusal_at("2026-11-30T12:00:02Z"), "exceeded quota: small");
}

TEST_F(RefusalTest, IsNotLookedForWhereTheJobHasAPodThatTheCacheHasNot) {
  put_run(1);
  EXPECT_EQ(refusal_at("2026-11-30T12:00:30Z"), "");
  EXPECT_TRUE(api_.calls().empty());
}

}  // namespace
}  // namespace wan::execute
