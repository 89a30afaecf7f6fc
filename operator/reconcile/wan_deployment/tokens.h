#pragma once
// The tokens of a WanDeployment: one Secret a generation, and the digests of the tokens that are valid.

#include "operator/reconcile/wan_deployment/plan.h"

namespace wan::reconcile::wan_deployment {

// Adds the steps to `plan` and sets tokenSecretRef and tokenHashes. The token of the generation before stays
// valid for spec.access.previousTokenSeconds; then its Secret goes.
void plan_tokens(const Observed& observed, const Settings& settings, WallTime now,
                 api::WanDeploymentStatus& status, Plan& plan);

}  // namespace wan::reconcile::wan_deployment
