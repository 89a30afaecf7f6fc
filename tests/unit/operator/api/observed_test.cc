#include <gtest/gtest.h>

#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/workloads.h"

namespace wan::api {
namespace {

Json parsed(const char* text) { return parse_json(text).value(); }

TEST(Meta, SaysWhoMakesTheObjectAgain) {
  const auto gitops = [](const char* metadata) {
    return meta_from_json({{"metadata", parse_json(metadata).value()}})->gitops;
  };
  EXPECT_EQ(gitops(R"({"name": "x"})"), "");
  EXPECT_EQ(gitops(R"({"name": "x", "labels": {"app.kubernetes.io/instance": "y"}})"), "")
      << "everybody has it";
  EXPECT_EQ(gitops(R"({"name": "x", "annotations": {"argocd.argoproj.io/tracking-id": "a:b/c:d"}})"),
            "Argo CD");
  EXPECT_EQ(gitops(R"({"name": "x", "labels": {"argocd.argoproj.io/instance": "a"}})"), "Argo CD");
  EXPECT_EQ(gitops(R"({"name": "x", "labels": {"kustomize.toolkit.fluxcd.io/name": "a"}})"), "Flux");
  EXPECT_EQ(gitops(R"({"name": "x", "labels": {"helm.toolkit.fluxcd.io/name": "a"}})"), "Flux");
}

TEST(Meta, KeepsOnlyOurFinalizers) {
  const auto meta = meta_from_json(
      {{"metadata", {{"name", "x"}, {"finalizers", {"foregroundDeletion", "wan.gallery/artifact"}}}}});
  EXPECT_TRUE(meta->has_finalizer("wan.gallery/artifact"));
  EXPECT_EQ(meta->finalizers.size(), 1U);
}

TEST(Pod, IsReadWithItsContainersInitFirst) {
  const auto pod = from_json<Pod>(parsed(R"({
    "metadata": {"name": "p", "namespace": "films", "uid": "u", "deletionTimestamp": "2026-01-31T12:00:00Z",
                 "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "uid": "rs", "controller": true}]},
    "spec": {"nodeName": "node1"},
    "status": {"phase": "Running", "podIP": "10.0.0.7",
      "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
      "containerStatuses": [{"name": "runtime", "ready": true, "restartCount": 2, "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-31T11:59:00Z"}}}],
      "initContainerStatuses": [{"name": "pull", "state": {"terminated": {"exitCode": 0, "message": "{}"}}}]}})"));
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_TRUE(pod->ready);
  EXPECT_TRUE(pod->metadata.deleted);
  EXPECT_TRUE(pod->metadata.controlled_by("rs"));
  EXPECT_EQ(pod->ip, "10.0.0.7");
  EXPECT_EQ(pod->containers[0].name, "pull");
  EXPECT_EQ(pod->container("runtime")->last_terminated->exit_code, 137);
  EXPECT_TRUE(pod->container("runtime")->last_terminated->finished_at);
  EXPECT_EQ(pod->container("nobody"), nullptr);
}

TEST(Pod, SaysWhyNoNodeTakesIt) {
  const auto pod = from_json<Pod>(parsed(R"({"metadata": {"name": "p"}, "status": {"phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}})"));
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->unschedulable, "0/1 nodes");
}

TEST(Pod, WithoutAStatusIsReadTheSame) {
  ASSERT_TRUE(from_json<Pod>(parsed(R"({"metadata": {"name": "p"}})")));
  ASSERT_TRUE(from_json<Pod>(parsed(R"({"metadata": {"name": "p"}, "status": {"conditions": 5}})")));
}

TEST(Job, KnowsHowItEnded) {
  const auto failed = from_json<Job>(parsed(R"({"metadata": {"name": "j"}, "status": {"failed": 1,
    "conditions": [{"type": "Failed", "status": "True", "message": "limit"}]}})"));
  ASSERT_TRUE(failed);
  ASSERT_TRUE(failed->failure());
  EXPECT_EQ(failed->failure()->message, "limit");
  EXPECT_FALSE(failed->complete());
}

TEST(Deployment, IsReadWithZerosWhereTheStatusIsSilent) {
  const auto deployment = from_json<Deployment>(parsed(R"({"metadata": {"name": "d", "generation": 3},
    "spec": {"replicas": 2}, "status": {"observedGeneration": 3, "replicas": 2}})"));
  ASSERT_TRUE(deployment);
  EXPECT_EQ(deployment->spec_replicas, 2);
  EXPECT_EQ(deployment->ready_replicas, 0);
  EXPECT_EQ(deployment->observed_generation, 3);
}

const char* const kStatusEvent = R"({"type": "STATUS", "status": {"podUID": "u", "phase": "Ready",
  "model": {"name": "wan-tiny", "digest": "sha256:ab"}, "numericsId": "n", "secondsPerStep": -1}})";

TEST(RuntimeView, FollowsTheEventsOfItsPod) {
  RuntimeView view{.pod_uid = "u", .reachable = true};
  EXPECT_EQ(apply_event(view, parsed(kStatusEvent)), true);
  EXPECT_TRUE(view.accepts_jobs());
  EXPECT_EQ(view.model_digest, "sha256:ab");
  EXPECT_EQ(apply_event(view, parsed(kStatusEvent)), false) << "nothing new";
  EXPECT_EQ(apply_event(view, parsed(R"({"type": "HEARTBEAT"})")), false);
  EXPECT_EQ(apply_event(view, parsed(R"({"type": "TELEMETRY"})")), false) << "of a later version";
  EXPECT_EQ(apply_event(view, parsed(R"({"type": "JOB", "job": {"uid": "j", "attempt": 2, "phase": "Running",
    "progress": {"phase": "Denoise", "step": 3, "steps": 20, "percent": 12.5, "secondsLeft": 4},
    "resolved": {"size": "96x96", "seed": 4294967295, "guidanceScale": 4},
    "error": {"reason": "R", "message": "M", "retryable": true}}})")),
            true);
  const JobState* job = view.job("j");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->progress->percent, 12.5);
  EXPECT_EQ(job->resolved->seed, 4294967295);
  EXPECT_TRUE(job->error->retryable);
  EXPECT_FALSE(job->finished());
}

TEST(RuntimeView, IsNotFilledByAnotherPodAtTheSameAddress) {
  RuntimeView view{.pod_uid = "mine"};
  EXPECT_FALSE(apply_event(view, parsed(kStatusEvent)));
  EXPECT_EQ(view.phase, "");
}

TEST(RuntimeView, IgnoresAnOlderAttempt) {
  RuntimeView view;
  apply_job(view, {.uid = "j", .attempt = 2, .phase = "Running"});
  apply_job(view, {.uid = "j", .attempt = 1, .phase = "Failed"});
  EXPECT_EQ(view.job("j")->attempt, 2);
  EXPECT_EQ(view.jobs.size(), 1u);
}

TEST(RuntimeView, AnAnswerThatComesLateDoesNotUndoWhatTheStreamHasTold) {
  RuntimeView view;
  apply_job(view, {.uid = "j", .attempt = 1, .phase = "Succeeded"});
  apply_job(view, {.uid = "j", .attempt = 1, .phase = "Queued"});
  EXPECT_EQ(view.job("j")->phase, "Succeeded");
  apply_job(view, {.uid = "j", .attempt = 2, .phase = "Queued"});
  EXPECT_EQ(view.job("j")->phase, "Queued") << "another attempt begins from the start";
}

TEST(RuntimeView, RefusesAJobStateThatSaysNothing) {
  for (const char* text : {"{}", R"({"uid": "j", "phase": "Running"})", R"({"uid": "j", "attempt": 1})",
                           R"({"uid": "j", "attempt": 1, "phase": "Running", "result": 5})"}) {
    EXPECT_FALSE(job_state_from_json(parsed(text))) << text;
  }
}

}  // namespace
}  // namespace wan::api
