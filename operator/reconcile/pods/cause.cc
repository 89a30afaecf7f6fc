#include "operator/reconcile/pods/cause.h"

#include <algorithm>
#include <array>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {
namespace {

namespace reason = api::reason;

constexpr std::array<std::string_view, 7> kImageReasons{
    "ErrImagePull",      "ImagePullBackOff",    "InvalidImageName",         "ErrImageNeverPull",
    "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"};
// Waiting reasons that only mean "not yet".
constexpr std::array<std::string_view, 3> kStartingReasons{"", "ContainerCreating", "PodInitializing"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& all, std::string_view one) {
  return std::ranges::find(all, one) != all.end();
}

std::string of_pod(const api::Pod& pod) { return "pod " + pod.metadata.name + ": "; }

// The last failure of a container that is down or coming up again.
const api::Terminated* failure(const api::ContainerState& container) {
  if (container.terminated && container.terminated->exit_code != 0) return &*container.terminated;
  if (container.last_terminated && container.last_terminated->exit_code != 0)
    return &*container.last_terminated;
  return nullptr;
}

std::string advice(const api::Terminated& terminated) {
  return terminated.reason == "OOMKilled" ? "; the profile's memory is too small for this model" : "";
}

std::optional<Cause> failed_container(const api::Pod& pod, const api::ContainerState& container) {
  const api::Terminated* terminated = failure(container);
  if (!terminated) return std::nullopt;
  // While it runs again it may get well; not once it has failed often.
  if (container.running && container.restart_count < kBrokenRestarts) return std::nullopt;
  if (container.init && container.terminated && container.terminated->exit_code == 0) return std::nullopt;
  const bool broken = container.restart_count >= kBrokenRestarts || pod.phase == "Failed";
  std::string what = container.init ? "fetching the weights failed: " : "the runtime ended: ";
  if (!container.init && container.name != kRuntimeContainer)
    what = "container " + container.name + " ended: ";
  return Cause{broken ? Severity::kBroken : Severity::kWaiting,
               container.init ? reason::kWeightsFailed : reason::kRuntimeCrashed,
               of_pod(pod) + what + describe(*terminated) + advice(*terminated)};
}

std::optional<Cause> waiting_container(const api::Pod& pod, const api::ContainerState& container) {
  if (contains(kStartingReasons, container.waiting_reason)) return std::nullopt;
  const std::string message = of_pod(pod) + "container " + container.name + ": " + container.waiting_reason +
                              (container.waiting_message.empty() ? "" : ": " + container.waiting_message);
  const bool image = contains(kImageReasons, container.waiting_reason);
  return Cause{Severity::kWaiting, image ? reason::kImagePullFailed : reason::kContainerNotStarted, message};
}

Cause runtime_progress(const api::Pod& pod, const api::RuntimeView* view) {
  const std::string said = view && !view->message.empty() ? ": " + view->message : "";
  if (view && view->phase == api::runtime_phase::kFailed) {
    return {Severity::kWaiting, reason::kRuntimeCrashed, of_pod(pod) + "the runtime failed" + said};
  }
  if (view && view->phase == api::runtime_phase::kProbing) {
    return {Severity::kProgress, reason::kProbing, of_pod(pod) + "making the probe video" + said};
  }
  return {Severity::kProgress, reason::kLoading, of_pod(pod) + "loading the model" + said};
}

Cause progress(const api::Pod& pod, const api::RuntimeView* view) {
  for (const api::ContainerState& container : pod.containers) {
    if (!container.running) continue;
    if (!container.init) return runtime_progress(pod, view);
    return {Severity::kProgress, reason::kPulling, of_pod(pod) + "fetching and checking the weights"};
  }
  const std::string where = pod.node.empty() ? "" : " on node " + pod.node;
  return {Severity::kProgress, reason::kStartingPods, of_pod(pod) + "starting" + where};
}

}  // namespace

std::string describe(const api::Terminated& terminated) {
  std::string text = "exit code " + std::to_string(terminated.exit_code);
  if (!terminated.reason.empty() && terminated.reason != "Error") text += " (" + terminated.reason + ")";
  if (terminated.message.empty()) return text;
  const auto json = parse_json(terminated.message);
  const std::string said = json ? string_or(*json, {"error", "message"}, "") : terminated.message;
  return said.empty() ? text : text + ": " + said;
}

std::optional<Cause> diagnose(const api::Pod& pod, const api::RuntimeView* view) {
  if (pod.ready || pod.metadata.deleted) return std::nullopt;
  for (const api::ContainerState& container : pod.containers) {
    if (auto cause = failed_container(pod, container)) return cause;
  }
  if (pod.phase == "Failed") {
    const std::string why = pod.reason.empty() ? "failed" : pod.reason;
    return Cause{Severity::kWaiting, reason::kPodFailed,
                 of_pod(pod) + why + (pod.message.empty() ? "" : ": " + pod.message)};
  }
  if (!pod.unschedulable.empty()) {
    return Cause{Severity::kWaiting, reason::kUnschedulable,
                 of_pod(pod) + "no node can take it: " + pod.unschedulable};
  }
  for (const api::ContainerState& container : pod.containers) {
    if (auto cause = waiting_container(pod, container)) return cause;
  }
  return progress(pod, view);
}

std::optional<Cause> worst_cause(const std::vector<const api::Pod*>& pods,
                                 const std::vector<api::RuntimeView>& runtimes) {
  std::optional<Cause> worst;
  for (const api::Pod* pod : pods) {
    auto cause = diagnose(*pod, find_view(runtimes, pod->metadata.uid));
    if (cause && (!worst || cause->severity > worst->severity)) worst = std::move(cause);
  }
  return worst;
}

const api::RuntimeView* find_view(const std::vector<api::RuntimeView>& runtimes, const std::string& pod_uid) {
  const auto found = std::ranges::find(runtimes, pod_uid, &api::RuntimeView::pod_uid);
  return found == runtimes.end() ? nullptr : &*found;
}

}  // namespace wan::reconcile
