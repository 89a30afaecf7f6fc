#pragma once
// What stands around the pods of a WanDeployment: an account without rights, who may talk to them, how many
// of them may be evicted at once.

#include "operator/api/wan_deployment.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

// Never mounts a token.
[[nodiscard]] Json runtime_account(const api::WanDeployment& deployment);

// In: only from pods of wan-gallery in the operator's namespace, to the runtime's port. Out: DNS, and
// artifact servers of any namespace; so no metadata service of a cloud.
[[nodiscard]] Json runtime_network_policy(const api::WanDeployment& deployment, const Settings& settings);

// One eviction at a time. Pods that are not ready may always go: they serve nobody and would block a node's
// drain.
[[nodiscard]] Json runtime_disruption_budget(const api::WanDeployment& deployment);

}  // namespace wan::reconcile
