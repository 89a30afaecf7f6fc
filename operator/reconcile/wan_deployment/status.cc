#include "operator/reconcile/wan_deployment/status.h"

#include <algorithm>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/pods/cause.h"

namespace wan::reconcile::wan_deployment {
namespace {

namespace reason = api::reason;
namespace phase = api::deployment_phase;

// What the Deployment's controller could not do: a quota, a missing account.
std::optional<Cause> refused(const Rollout& rollout) {
  if (!rollout.serving.child) return std::nullopt;
  const auto* failure = api::find_condition(rollout.serving.child->conditions, "ReplicaFailure");
  if (!failure || failure->status != "True") return std::nullopt;
  return Cause{Severity::kWaiting, reason::kReplicaFailure, "pods cannot be made: " + failure->message};
}

std::optional<Cause> late(const Rollout& rollout) {
  if (!rollout.serving.child) return std::nullopt;
  const auto* progressing = api::find_condition(rollout.serving.child->conditions, "Progressing");
  if (!progressing || progressing->reason != "ProgressDeadlineExceeded") return std::nullopt;
  return Cause{Severity::kBroken, reason::kProgressDeadlineExceeded, progressing->message};
}

std::optional<Cause> find_cause(const Observed& observed, const Rollout& rollout) {
  auto cause = worst_cause(rollout.serving.pods, observed.runtimes);
  if (auto other = refused(rollout); other && (!cause || cause->severity < other->severity)) cause = other;
  if (auto other = late(rollout); other && rollout.settled) {
    if (!cause || cause->severity == Severity::kProgress) return other;
    cause->severity = Severity::kBroken;
  }
  return cause;
}

bool others_remain(const Rollout& rollout) {
  return std::ranges::any_of(rollout.others, [](const Group& group) {
    return group.wanted() > 0 || (group.child && group.child->replicas > 0);
  });
}

std::string replicas_text(int ready, int desired) {
  return std::to_string(ready) + " of " + std::to_string(desired) + " replicas are ready";
}

void complete(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status,
              WallTime now) {
  api::Verdict verdict{reason::kRunning, replicas_text(rollout.desired, rollout.desired)};
  status.phase = rollout.desired == 0 ? phase::kStopped : phase::kRunning;
  if (rollout.desired == 0) {
    verdict = observed.deployment.spec.suspend
                  ? api::Verdict{reason::kSuspended, "no pod runs: spec.suspend is true"}
                  : api::Verdict{reason::kScaledToZero, observed.deployment.spec.scaling
                                                            ? "no pod runs: no VideoJob waits"
                                                            : "no pod runs: spec.replicas is 0"};
  }
  mark_ready(status.conditions, verdict, status.observed_generation, now);
}

void on_the_way(const Rollout& rollout, const std::optional<Cause>& cause, api::WanDeploymentStatus& status,
                WallTime now) {
  const std::string counts = replicas_text(rollout.serving.ready(), rollout.desired);
  api::Verdict verdict{reason::kStartingPods, counts};
  status.phase = phase::kCreating;
  if (others_remain(rollout)) {
    status.phase = phase::kUpdating;
    verdict = {reason::kUpdating, counts + " of the new revision"};
  } else if (status.ready_replicas > 0) {
    // As the Deployments count: a first pod that is ready before they say so does not make a scaling.
    status.phase = phase::kScaling;
    verdict.reason = reason::kScaling;
  }
  if (cause) verdict = {cause->reason, verdict.message + "; " + cause->message};
  if (cause && cause->severity == Severity::kWaiting) status.phase = phase::kWaiting;
  mark_reconciling(status.conditions, verdict, status.observed_generation, now);
}

// Another revision than the spec's serves meanwhile, or none.
void held_up(const Rollout& rollout, api::WanDeploymentStatus& status, WallTime now) {
  api::Verdict verdict = *rollout.obstacle;
  if (!rollout.serving.hash.empty()) {
    verdict.message += "; " + replicas_text(rollout.serving.ready(), rollout.desired) + " with revision " +
                       rollout.serving.hash;
  }
  status.phase = phase::kWaiting;
  if (rollout.stalled) status.phase = rollout.serving.ready() > 0 ? phase::kRunning : phase::kFailed;
  if (rollout.stalled) {
    mark_stalled(status.conditions, verdict, status.observed_generation, now);
  } else {
    mark_reconciling(status.conditions, verdict, status.observed_generation, now);
  }
}

// The bytes that an init container says it has put in place.
std::optional<int64_t> pulled_bytes(const api::Pod& pod) {
  const api::ContainerState* pull = pod.container(kPullContainer);
  if (!pull || !pull->terminated || pull->terminated->exit_code != 0) return std::nullopt;
  const auto json = parse_json(pull->terminated->message);
  if (!json || !json->is_object()) return std::nullopt;
  const int64_t bytes = int_or(*json, {"bytes"}, -1);
  return bytes < 0 ? std::nullopt : std::optional(bytes);
}

// Of the pods that still fetch their weights, the one that is furthest behind.
std::optional<api::WeightsStatus> least_fetched(const Observed& observed, const Rollout& rollout) {
  std::optional<api::WeightsStatus> least;
  for (const api::Pod* pod : rollout.serving.pods) {
    const api::RuntimeView* view = find_view(observed.runtimes, pod->metadata.uid);
    if (!view || !view->weights || view->weights->bytes_total == 0) continue;
    if (least && least->bytes_done <= view->weights->bytes_done) continue;
    least = api::WeightsStatus{view->weights->bytes_done, view->weights->bytes_total,
                               view->weights->bytes_per_second, view->weights->seconds_left};
  }
  return least;
}

// By a hundredth or more: a status is not written for less.
bool moved(const api::WeightsStatus& told, const api::WeightsStatus& now) {
  if (told.bytes_total != now.bytes_total || !told.bytes_per_second) return true;
  const int64_t difference =
      std::max(told.bytes_done, now.bytes_done) - std::min(told.bytes_done, now.bytes_done);
  return difference >= now.bytes_total / 100;
}

}  // namespace

bool is_complete(const Rollout& rollout) {
  if (!rollout.serving.child || !rollout.settled || others_remain(rollout)) return false;
  const api::Deployment& child = *rollout.serving.child;
  // What it is asked for counts too: a pod that drains is still wanted, and its counts may be from before.
  return rollout.serving.wanted() == rollout.desired && child.replicas == rollout.desired &&
         child.updated_replicas == rollout.desired && child.ready_replicas == rollout.desired;
}

bool is_weakened(int desired, const Group& serving, const std::vector<Group>& others) {
  int left = serving.ready();
  for (const Group& group : others) left += group.wanted();
  return left < desired;
}

void judge(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status, WallTime now) {
  if (rollout.obstacle) return held_up(rollout, status, now);
  if (is_complete(rollout)) return complete(observed, rollout, status, now);
  if (rollout.desired == 0) {
    status.phase = phase::kStopping;
    mark_reconciling(status.conditions,
                     {reason::kSuspending, std::to_string(status.replicas) + " pods are still ending"},
                     status.observed_generation, now);
    return;
  }
  const auto cause = find_cause(observed, rollout);
  if (!cause || cause->severity != Severity::kBroken) return on_the_way(rollout, cause, status, now);
  status.phase = status.ready_replicas > 0 ? phase::kWaiting : phase::kFailed;
  mark_stalled(
      status.conditions,
      {cause->reason, replicas_text(rollout.serving.ready(), rollout.desired) + "; " + cause->message},
      status.observed_generation, now);
}

void count(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status) {
  status.desired_replicas = rollout.desired;
  status.replicas = status.ready_replicas = 0;
  for (const api::Deployment& child : observed.children) {
    status.replicas += child.replicas;
    status.ready_replicas += child.ready_replicas;
  }
  for (const api::Pod* pod : rollout.serving.pods) {
    const api::RuntimeView* view = find_view(observed.runtimes, pod->metadata.uid);
    if (pod->ready && view && !view->model_digest.empty())
      status.model = api::ModelStatus{view->model_digest};
    if (const auto bytes = pulled_bytes(*pod)) status.weights = api::WeightsStatus{*bytes, *bytes};
  }
  if (const auto least = least_fetched(observed, rollout)) {
    const bool is_news = !status.weights || moved(*status.weights, *least);
    if (is_news) status.weights = least;
  }
}

}  // namespace wan::reconcile::wan_deployment
