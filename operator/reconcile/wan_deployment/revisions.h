#pragma once
// Which revision a WanDeployment shall run. A new one is made only by a change of the spec, or of anything
// that pods are made from where updatePolicy is Auto, or where the newest never served.

#include <string>
#include <vector>

#include "operator/reconcile/objects/revision.h"
#include "operator/reconcile/wan_deployment/plan.h"

namespace wan::reconcile::wan_deployment {

// ControllerRevisions that are kept beside those that run.
inline constexpr size_t kHistoryLimit = 10;

// Newest first.
[[nodiscard]] std::vector<Revision> history_of(const Observed& observed);

// Nobody's video depends on it: it was given up, or no pod has been ready ever and something is in the way of
// its own. What the gallery or a new operator has put right may take its place.
[[nodiscard]] bool never_served(const Observed& observed, const Revision& newest);

struct Choice {
  Revision revision;
  bool changed = false;  // its ControllerRevision must be written
};
// `rendered`: what would be made now; nothing if the model or the profile does not exist. Nothing comes back
// if a new revision is needed and cannot be made. A revision that still runs is taken up again when the spec
// goes back to it, and gets another try if it had been given up.
[[nodiscard]] std::optional<Choice> choose_revision(const Observed& observed,
                                                    const std::vector<Revision>& history,
                                                    const std::optional<Revision>& rendered);

}  // namespace wan::reconcile::wan_deployment
