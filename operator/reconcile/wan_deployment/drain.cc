#include "operator/reconcile/wan_deployment/drain.h"

#include <algorithm>
#include <tuple>

#include "operator/api/identifiers.h"
#include "operator/reconcile/pods/cause.h"

namespace wan::reconcile::wan_deployment {
namespace {

// Pods without the annotation cost 0.
constexpr const char* kCostOfIdle = "-2000";
constexpr const char* kCostOfBusy = "-1000";

bool is_marked(const api::Pod& pod) { return !pod.metadata.annotation(api::kAnnotationDraining).empty(); }

double percent_done(const api::Pod& pod, const std::vector<api::RuntimeView>& runtimes) {
  const api::RuntimeView* view = find_view(runtimes, pod.metadata.uid);
  if (!view) return 0;
  double most = 0;
  for (const api::JobState& job : view->jobs) {
    if (!job.finished() && job.progress) most = std::max(most, job.progress->percent);
  }
  return most;
}

// Server-side apply without the annotations takes them away again.
Json pod_intent(const api::Pod& pod) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", pod.metadata.name}, {"namespace", pod.metadata.namespace_}, {"uid", pod.metadata.uid}}}};
}

Json marked(const api::Pod& pod, bool busy) {
  Json intent = pod_intent(pod);
  intent["metadata"]["annotations"] = {{api::kAnnotationDraining, "true"},
                                       {api::kAnnotationDeletionCost, busy ? kCostOfBusy : kCostOfIdle}};
  return intent;
}

}  // namespace

bool is_busy(const api::Pod& pod, const std::vector<api::RuntimeView>& runtimes,
             const std::set<std::string>& assigned_pods) {
  if (assigned_pods.contains(pod.metadata.uid)) return true;
  const api::RuntimeView* view = find_view(runtimes, pod.metadata.uid);
  return view && !std::ranges::all_of(view->jobs, &api::JobState::finished);
}

Drain drain(const std::vector<const api::Pod*>& pods, int target,
            const std::vector<api::RuntimeView>& runtimes, const std::set<std::string>& assigned_pods) {
  const auto busy = [&](const api::Pod* pod) { return is_busy(*pod, runtimes, assigned_pods); };
  std::vector<const api::Pod*> ready;
  int alive = 0;
  for (const api::Pod* pod : pods) {
    if (pod->metadata.deleted) continue;
    ++alive;
    if (pod->ready) ready.push_back(pod);
  }
  // Whoever was chosen once stays chosen; then idle pods, then those that lose least.
  std::ranges::sort(ready, {}, [&](const api::Pod* pod) {
    return std::tuple(!is_marked(*pod), busy(pod), percent_done(*pod, runtimes), pod->metadata.name);
  });
  // The cluster takes those that are not ready first, marked or not.
  const int unready = alive - static_cast<int>(ready.size());
  const auto victims =
      static_cast<size_t>(std::clamp(alive - target - unready, 0, static_cast<int>(ready.size())));
  Drain result{.replicas = target};
  for (size_t i = 0; i < ready.size(); ++i) {
    const api::Pod* pod = ready[i];
    const bool victim = i < victims;
    if (victim != is_marked(*pod)) result.pods.push_back(victim ? marked(*pod, busy(pod)) : pod_intent(*pod));
    // One that is not seen as marked yet may be given a job at this moment.
    if (victim && (busy(pod) || !is_marked(*pod))) ++result.replicas;
  }
  return result;
}

}  // namespace wan::reconcile::wan_deployment
