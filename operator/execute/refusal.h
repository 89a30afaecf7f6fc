#pragma once
// What is told of a step that the API server forbids: an account without the right, a quota, an admission
// policy. The server's message names the missing rule; it goes into an event and, where the plan's status was
// still to be written, into its conditions.

#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "operator/reconcile/plan.h"

namespace wan::execute {

// The object that the plan is for; nothing if no step says so.
[[nodiscard]] std::optional<reconcile::ObjectRef> subject_of(const reconcile::Plan& plan);
[[nodiscard]] reconcile::EmitEvent refusal_event(reconcile::ObjectRef subject, const Error& error);
// The status that the plan wanted, as it is now: Reconciling, with the reason Forbidden.
[[nodiscard]] reconcile::WriteStatus with_refusal(reconcile::WriteStatus step, const Error& error,
                                                  WallTime now);

}  // namespace wan::execute
