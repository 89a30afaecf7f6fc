#pragma once
// The artifact server of one claim or bucket: the only pod that mounts the claim, or the Secret of the
// bucket.

#include "operator/reconcile/objects/artifact_target.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile {

// The identity of the target that an object was made for; "" if it is not of an artifact server.
[[nodiscard]] std::string target_of(const api::Meta& live);

[[nodiscard]] Json artifact_deployment(const ArtifactTarget& target, const Owner& owner,
                                       const Settings& settings);
[[nodiscard]] Json artifact_service(const ArtifactTarget& target, const Owner& owner);

}  // namespace wan::reconcile
