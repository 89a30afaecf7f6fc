#pragma once
// The revisions of a WanDeployment and their Deployments: which one serves, what runs of the others, what
// goes.

#include "operator/reconcile/wan_deployment/plan.h"
#include "operator/reconcile/wan_deployment/status.h"

namespace wan::reconcile::wan_deployment {

// Adds the steps to `plan`; what comes back points into `observed`.
[[nodiscard]] Rollout roll(const Observed& observed, const Settings& settings, WallTime now, Plan& plan);

}  // namespace wan::reconcile::wan_deployment
