#pragma once
// What is told of a step that the API server refuses: an account without the right, a quota, an admission
// policy, an object that is not valid, a name that somebody else has. The server's message says which; it
// goes into an event and into the conditions of the plan's status.

#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "operator/reconcile/plan.h"

namespace wan::execute {

// The object that the plan is for; nothing if no step says so.
[[nodiscard]] std::optional<reconcile::ObjectRef> subject_of(const reconcile::Plan& plan);
// The reason for a status; nullptr for an error that is no refusal: one that may be another next time.
[[nodiscard]] const char* refusal_reason(const Error& error);
[[nodiscard]] reconcile::EmitEvent refusal_event(reconcile::ObjectRef subject, const Error& error);
// The status that the plan wanted, as it is now: Reconciling, with the reason of the refusal.
[[nodiscard]] reconcile::WriteStatus with_refusal(reconcile::WriteStatus step, const Error& error,
                                                  WallTime now);

}  // namespace wan::execute
