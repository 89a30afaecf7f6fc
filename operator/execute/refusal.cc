#include "operator/execute/refusal.h"

#include <utility>

#include "operator/api/codec.h"
#include "operator/api/conditions.h"
#include "operator/api/reasons.h"
#include "operator/kube/api_error.h"

namespace wan::execute {
namespace {

std::optional<reconcile::ObjectRef> controller_of(const Json& object) {
  const Json* owners = find(object, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return std::nullopt;
  for (const Json& owner : *owners) {
    if (!bool_or(owner, {"controller"}, false)) continue;
    return reconcile::ObjectRef{string_or(owner, {"apiVersion"}, ""), string_or(owner, {"kind"}, ""),
                                string_or(object, {"metadata", "namespace"}, ""),
                                string_or(owner, {"name"}, ""), string_or(owner, {"uid"}, "")};
  }
  return std::nullopt;
}

// Of the token Secret nobody looks at the owner, a ControllerRevision.
const Json* child_in(const reconcile::Step& step) {
  if (const auto* apply = std::get_if<reconcile::Apply>(&step)) return &apply->object;
  const auto* create = std::get_if<reconcile::Create>(&step);
  return create && !create->is_unreadable ? &create->object : nullptr;
}

}  // namespace

std::optional<reconcile::ObjectRef> subject_of(const reconcile::Plan& plan) {
  for (const reconcile::Step& step : plan.steps) {
    if (const auto* status = std::get_if<reconcile::WriteStatus>(&step)) return status->ref;
  }
  for (const reconcile::Step& step : plan.steps) {
    if (const auto* event = std::get_if<reconcile::EmitEvent>(&step)) return event->regarding;
    if (const Json* child = child_in(step)) return controller_of(*child);
  }
  return std::nullopt;
}

const char* refusal_reason(const Error& error) {
  if (kube::is_forbidden(error)) return api::reason::kForbidden;
  if (kube::is_invalid(error)) return api::reason::kRefused;
  if (kube::is_already_exists(error)) return api::reason::kNameConflict;
  return nullptr;
}

reconcile::EmitEvent refusal_event(reconcile::ObjectRef subject, const Error& error) {
  return reconcile::EmitEvent{.regarding = std::move(subject),
                              .type = "Warning",
                              .reason = refusal_reason(error),
                              .action = "Reconcile",
                              .note = error.message};
}

reconcile::WriteStatus with_refusal(reconcile::WriteStatus step, const Error& error, WallTime now) {
  api::Conditions conditions;
  const Json* written = find(step.status, {"conditions"});
  if (written == nullptr || !api::Codec<api::Conditions>::read(*written, conditions, "conditions"))
    return step;
  const int64_t generation = int_or(step.status, {"observedGeneration"}, 0);
  api::mark_reconciling(conditions, {refusal_reason(error), error.message}, generation, now);
  if (auto json = api::Codec<api::Conditions>::write(conditions))
    step.status["conditions"] = *std::move(json);
  return step;
}

}  // namespace wan::execute
