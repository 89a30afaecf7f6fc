#pragma once
// Which pods go when a revision loses replicas: idle ones at once, busy ones when they have finished their
// job. Pods that are to go are marked: they get no new jobs, and the cluster removes them first.

#include <set>
#include <string>
#include <vector>

#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/reconcile/plan.h"

namespace wan::reconcile::wan_deployment {

// Whether a pod works on a job, as it says itself or as an assignment says.
[[nodiscard]] bool is_busy(const api::Pod& pod, const std::vector<api::RuntimeView>& runtimes,
                           const std::set<std::string>& assigned_pods);

struct Drain {
  int replicas = 0;        // to have now: `target`, and one for each pod that must be kept for a while
  std::vector<Json> pods;  // intents of the pods whose marks change
};

// From as many as there are to `target` replicas. `pods` are those of one revision.
[[nodiscard]] Drain drain(const std::vector<const api::Pod*>& pods, int target,
                          const std::vector<api::RuntimeView>& runtimes,
                          const std::set<std::string>& assigned_pods);

}  // namespace wan::reconcile::wan_deployment
