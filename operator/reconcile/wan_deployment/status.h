#pragma once
// The part of a WanDeployment's status that follows from its children: phase, counts, conditions.

#include "operator/api/conditions.h"
#include "operator/reconcile/wan_deployment/plan.h"
#include "operator/reconcile/wan_deployment/rollout.h"

namespace wan::reconcile::wan_deployment {

struct Rollout {
  int desired = 0;
  bool settled = false;  // the serving Deployment is as it shall be, and its controller has seen that
  Group serving;         // the revision that shall serve
  std::vector<Group> others;
  // What keeps the revision that the spec asks for from being made or from serving; then another serves.
  std::optional<api::Verdict> obstacle;
  bool stalled = false;  // that will not go away by itself
};

// True once exactly the desired pods exist, all of the serving revision and ready.
[[nodiscard]] bool is_complete(const Rollout& rollout);

// Replicas of others have been drained for the serving revision.
[[nodiscard]] bool is_weakened(int desired, const Group& serving, const std::vector<Group>& others);

// Sets phase and conditions.
void judge(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status, WallTime now);

// Sets replicas, readyReplicas, model.digest and weights from what was observed.
void count(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status);

}  // namespace wan::reconcile::wan_deployment
