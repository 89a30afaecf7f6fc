#pragma once
// The part of a WanDeployment's status that follows from its children: phase, counts, conditions.

#include "operator/reconcile/wan_deployment/plan.h"

namespace wan::reconcile::wan_deployment {

struct Rollout {
  int desired = 0;
  bool current = false;  // the child carries this generation's intent and its controller has seen it
  std::string config;    // wan.gallery/config that pods of this intent have
};

// True once exactly the desired pods exist, all of this intent and ready.
[[nodiscard]] bool is_complete(const Observed& observed, const Rollout& rollout);

// Sets phase and conditions.
void judge(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status, WallTime now);

// Sets replicas, readyReplicas, model.digest and weights from what was observed.
void count(const Observed& observed, const Rollout& rollout, api::WanDeploymentStatus& status);

}  // namespace wan::reconcile::wan_deployment
