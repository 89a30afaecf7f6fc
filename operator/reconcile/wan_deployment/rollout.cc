#include "operator/reconcile/wan_deployment/rollout.h"

#include <algorithm>

#include "operator/reconcile/pods/cause.h"

namespace wan::reconcile::wan_deployment {
namespace {

const api::WorkloadCondition* refusal(const api::Deployment& child) {
  const auto* failure = api::find_condition(child.conditions, "ReplicaFailure");
  return failure && failure->status == "True" ? failure : nullptr;
}

bool timed_out(const api::Deployment& child) {
  const auto* progressing = api::find_condition(child.conditions, "Progressing");
  return progressing && progressing->reason == "ProgressDeadlineExceeded";
}

// "0/3 nodes are available: 2 Insufficient nvidia.com/gpu, 1 Too many pods": words of the scheduler.
bool lacks_room(const std::string& unschedulable) {
  return unschedulable.find("Insufficient ") != std::string::npos ||
         unschedulable.find("Too many pods") != std::string::npos;
}

}  // namespace

int Group::ready() const {
  return static_cast<int>(
      std::ranges::count_if(pods, [](const api::Pod* pod) { return pod->ready && !pod->metadata.deleted; }));
}

bool Group::needs_room() const {
  if (child && refusal(*child) && refusal(*child)->message.find("exceeded quota") != std::string::npos)
    return true;
  return std::ranges::any_of(
      pods, [](const api::Pod* pod) { return !pod->metadata.deleted && lacks_room(pod->unschedulable); });
}

Shares share_out(int desired, const Group& current, const std::vector<Group>& old) {
  int left = std::max(0, desired - current.ready() - (current.needs_room() ? 1 : 0));
  int kept = 0;
  Shares shares;
  for (const Group& group : old) {
    const int share = std::min({group.wanted(), group.ready(), left});
    shares.old.push_back(share);
    left -= share;
    kept += share;
  }
  shares.current = std::min(desired, desired - kept + 1);
  return shares;
}

Trial try_revision(const Group& current, const std::vector<api::RuntimeView>& runtimes, bool weakened,
                   WallTime now) {
  if (current.ready() > 0) return {};
  Trial trial;
  for (const api::Pod* pod : current.pods) {
    const api::RuntimeView* view = find_view(runtimes, pod->metadata.uid);
    const auto cause = diagnose(*pod, view);
    if (!cause) continue;
    const bool probe_failed = view && view->phase == api::runtime_phase::kFailed;
    if (cause->severity == Severity::kBroken || probe_failed) return {cause->message, {}};
    if (!weakened || cause->severity != Severity::kWaiting || !pod->metadata.created) continue;
    const auto until = *pod->metadata.created + kRolloutPatience;
    if (now >= until) return {cause->message, {}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    trial.look_again = std::min(trial.look_again.value_or(left), left);
  }
  if (current.child && timed_out(*current.child)) return {"its pods took too long to become ready", {}};
  return trial;
}

}  // namespace wan::reconcile::wan_deployment
