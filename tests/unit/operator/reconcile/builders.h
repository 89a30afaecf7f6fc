#pragma once
// Objects for the plans' tests, a fixed clock, and a small model of what carrying a plan out does to what is
// observed next.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/conditions.h"
#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/artifacts/plan.h"
#include "operator/reconcile/objects/artifact_target.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/video_job/plan.h"
#include "operator/reconcile/wan_deployment/plan.h"

namespace wan::reconcile::testing {

inline WallTime at(int seconds) {
  return WallTime{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31}} + std::chrono::hours(12) +
         std::chrono::seconds(seconds);
}
inline const WallTime kNow = at(0);

inline Settings settings() {
  return {.operator_namespace = "wan-system",
          .runtime_image = "registry.example/wan-runtime:1",
          .capability_public_key = "cHVibGljIGtleQ==",
          .token_key = std::string(32, 'k')};
}

// The fields of any object that the operator applied, as owned by it.
inline constexpr const char* kOwned = R"({"f:metadata":{},"f:spec":{},"f:automountServiceAccountToken":{}})";

inline api::Meta meta(const std::string& name, const std::string& uid, int created = -100) {
  return {.name = name,
          .namespace_ = "films",
          .uid = uid,
          .resource_version = "100",
          .generation = 1,
          .created = at(created)};
}

inline api::GalleryModel make_gallery_model(const std::string& name = "wan-tiny") {
  api::GalleryModel model;
  model.metadata = meta(name, "model-uid");
  model.metadata.namespace_ = "";
  model.spec.source.local = api::LocalSource{.path = "/opt/wan/gallery"};
  model.spec.profiles = {{.name = "cpu", .cpu = {"1500m"}, .memory = {"1Gi"}},
                         {.name = "gpu", .gpus_per_replica = 2, .cpu = {"8"}, .memory = {"64Gi"}}};
  return model;
}

inline api::WanDeployment make_wan_deployment(const std::string& name = "tiny") {
  api::WanDeployment deployment;
  deployment.metadata = meta(name, "wd-uid");
  deployment.spec.model.name = "wan-tiny";
  deployment.spec.artifacts = api::ArtifactStore{api::ClaimRef{"videos"}};
  return deployment;
}

inline api::VideoJob make_video_job(const std::string& name = "red-ball", int created = -10) {
  api::VideoJob job;
  job.metadata = meta(name, name + "-uid", created);
  job.spec.deployment_ref = api::DeploymentRef{.name = "tiny"};
  job.spec.prompt = "a red ball";
  return job;
}

inline api::VideoJob make_oneshot_job(const std::string& name = "green-square") {
  api::VideoJob job = make_video_job(name);
  job.spec.deployment_ref.reset();
  job.spec.model = api::JobModel{.name = "wan-tiny"};
  job.spec.output = api::Output{api::OutputClaim{"videos", ""}};
  return job;
}

// A pod whose runtime is up and ready.
inline api::Pod ready_pod(const std::string& name, const std::string& owner_uid = "wd-uid") {
  api::Pod pod;
  pod.metadata = meta(name, name + "-uid");
  pod.metadata.labels[api::kLabelOwnerUid] = owner_uid;
  pod.ip = "10.0.0.7";
  pod.node = "node1";
  pod.phase = "Running";
  pod.ready = true;
  pod.containers = {{.name = "pull", .init = true, .terminated = api::Terminated{.exit_code = 0}},
                    {.name = "runtime", .ready = true, .running = true}};
  return pod;
}

inline api::RuntimeView ready_view(const std::string& pod_name) {
  return {.pod_uid = pod_name + "-uid",
          .reachable = true,
          .phase = "Ready",
          .model_name = "wan-tiny",
          .model_digest = "sha256:" + std::string(64, 'd')};
}

inline api::JobState job_state(const api::VideoJob& job, const std::string& phase, int attempt = 1) {
  return {.uid = job.metadata.uid, .attempt = attempt, .phase = phase};
}

inline api::JobState succeeded(const api::VideoJob& job, int attempt = 1) {
  api::JobState state = job_state(job, "Succeeded", attempt);
  state.job_hash = "sha256:" + std::string(64, 'a');
  state.resolved = api::Resolved{.prompt = job.spec.prompt, .size = "96x96", .frames = 17, .seed = 42};
  state.result = api::VideoResult{.url = "http://10.96.0.9:8080/v1/artifacts/x.mp4",
                                  .sha256 = "sha256:" + std::string(64, 'b'),
                                  .bytes = 1234,
                                  .frames = 17};
  state.timings = api::Timings{.denoise = 1.5};
  return state;
}

inline api::JobState failed(const api::VideoJob& job, bool retryable, int attempt = 1) {
  api::JobState state = job_state(job, "Failed", attempt);
  state.error = api::JobError{"OutOfMemory", "no memory for 81 frames", retryable};
  return state;
}

inline void give_artifact_server(video_job::Observed& observed) {
  observed.artifacts.deployment.emplace();
  observed.artifacts.deployment->metadata = meta(artifact_server_name("videos"), "artifacts-uid");
  observed.artifacts.deployment->ready_replicas = 1;
  observed.artifacts.service.emplace();
  observed.artifacts.service->metadata = meta(artifact_server_name("videos"), "artifacts-service-uid");
  observed.artifacts.service->cluster_ip = "10.96.0.9";
}

// Adds a ready pod that works on nothing and that it is the job's turn to take.
inline void offer(video_job::Observed& observed, const std::string& pod) {
  observed.pods.push_back(ready_pod(pod));
  observed.runtimes.push_back(ready_view(pod));
  observed.turn = {.pod_uid = pod + "-uid", .replica_ready = true};
}

// A served job with everything in place: one free pod, an artifact server.
inline video_job::Observed served(const std::string& name = "red-ball") {
  video_job::Observed observed;
  observed.job = make_video_job(name);
  observed.deployment = make_wan_deployment();
  offer(observed, "pod-a");
  give_artifact_server(observed);
  return observed;
}

inline video_job::Observed oneshot() {
  video_job::Observed observed;
  observed.job = make_oneshot_job();
  observed.model = make_gallery_model();
  give_artifact_server(observed);
  return observed;
}

template <typename T>
std::vector<T> steps_of(const Plan& plan) {
  std::vector<T> result;
  for (const Step& step : plan.steps) {
    if (const T* one = std::get_if<T>(&step)) result.push_back(*one);
  }
  return result;
}

// The plan after the pod that is asked what it would make of the job could not say. Of a job whose status has
// an assignment no answers are observed.
inline Plan plan_without_answer(const video_job::Observed& observed, WallTime now) {
  Plan first = video_job::plan(observed, settings(), now);
  const auto asked = steps_of<Resolve>(first);
  if (asked.empty() || observed.job.status.assignment) return first;
  video_job::Observed answered = observed;
  answered.answer = video_job::Answer{.pod_uid = asked.front().pod_uid};
  return video_job::plan(answered, settings(), now);
}

// Steps that change the cluster or a pod: all but events.
inline std::vector<Step> acts_of(const Plan& plan) {
  std::vector<Step> result;
  for (const Step& step : plan.steps) {
    if (!std::holds_alternative<EmitEvent>(step)) result.push_back(step);
  }
  return result;
}

template <typename S>
std::optional<Json> object_in(const Plan& plan, const std::string& kind) {
  for (const S& step : steps_of<S>(plan)) {
    if (step.object["kind"] == kind) return step.object;
  }
  return std::nullopt;
}

inline std::optional<Json> applied(const Plan& plan, const std::string& kind) {
  return object_in<Apply>(plan, kind);
}
inline std::optional<Json> created(const Plan& plan, const std::string& kind) {
  return object_in<Create>(plan, kind);
}

// The status that the plan leaves: what it writes, else what was there.
template <typename K>
auto status_after(const Plan& plan, const K& object) {
  auto status = object.status;
  for (const WriteStatus& write : steps_of<WriteStatus>(plan)) {
    const auto read = api::from_json<K>({{"metadata", {{"name", "x"}}}, {"status", write.status}});
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    status = read->status;
  }
  return status;
}

inline std::string reason_of(const api::Conditions& conditions, const std::string& type = "Ready") {
  const api::Condition* condition = find_condition(conditions, type);
  return condition ? condition->reason : "";
}

inline std::string message_of(const api::Conditions& conditions, const std::string& type = "Ready") {
  const api::Condition* condition = find_condition(conditions, type);
  return condition ? condition->message : "";
}

// What kpt's kstatus library, and with it Flux, makes of a status.
template <typename S>
std::string kstatus(const S& status, int64_t generation) {
  if (status.observed_generation != generation) return "InProgress";
  for (const api::Condition& condition : status.conditions) {
    if (condition.type == "Reconciling" && condition.status == "True") return "InProgress";
    if (condition.type == "Stalled" && condition.status == "True") return "Failed";
  }
  const api::Condition* ready = find_condition(status.conditions, "Ready");
  return !ready || ready->status == "True" ? "Current" : "InProgress";
}

// Carries out what a plan writes for the job itself and its batch Jobs. Dispatches arrive at the views.
inline void carry_out(const Plan& plan, video_job::Observed& observed) {
  observed.job.status = status_after(plan, observed.job);
  for (const Create& step : steps_of<Create>(plan)) {
    api::Job run;
    run.metadata =
        meta(step.object["metadata"]["name"], std::string(step.object["metadata"]["name"]) + "-uid");
    run.active = 1;
    observed.runs.push_back(run);
  }
  for (const Dispatch& step : steps_of<Dispatch>(plan)) {
    for (api::RuntimeView& view : observed.runtimes) {
      if (view.pod_uid == step.pod_uid) {
        apply_job(view, {.uid = step.job_uid, .attempt = step.attempt, .phase = "Queued"});
      }
    }
  }
}

}  // namespace wan::reconcile::testing
