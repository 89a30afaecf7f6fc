#pragma once
// The artifact server of one claim: the only pod that mounts it.

#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

[[nodiscard]] Json artifact_deployment(const std::string& claim, const Owner& owner,
                                       const Settings& settings);
[[nodiscard]] Json artifact_service(const std::string& claim, const Owner& owner);

}  // namespace wan::reconcile
