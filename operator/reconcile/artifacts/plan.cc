#include "operator/reconcile/artifacts/plan.h"

#include <tuple>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/artifact_server.h"
#include "operator/reconcile/objects/names.h"

namespace wan::reconcile::artifacts {
namespace {

// The oldest that is not being deleted, or has its video to be deleted first; names settle what was made in
// the same second.
template <typename T>
const T* oldest(const std::vector<T>& objects) {
  const T* first = nullptr;
  for (const T& object : objects) {
    if (object.metadata.deleted && object.metadata.finalizers.empty()) continue;
    const auto order = [](const T& one) { return std::tuple(one.metadata.created, one.metadata.name); };
    if (!first || order(object) < order(*first)) first = &object;
  }
  return first;
}

std::optional<Owner> choose_owner(const Observed& observed) {
  if (const auto* deployment = oldest(observed.deployments)) return owner_of(*deployment);
  if (const auto* job = oldest(observed.jobs)) return owner_of(*job);
  return std::nullopt;
}

bool is_ours(const api::Meta& live, const std::string& claim) {
  return live.label(api::kLabelArtifacts) == claim_hash(claim) &&
         live.annotation(api::kAnnotationClaim) == claim;
}

template <typename T>
void apply(Plan& plan, const std::optional<T>& live, Json object, const Observed& observed,
           const Owner& owner) {
  if (live && !is_ours(live->metadata, observed.claim)) {
    const std::string kind = string_or(object, {"kind"}, "");
    plan.steps.push_back(EmitEvent{
        .regarding = {owner.api_version, owner.kind, owner.namespace_, owner.name, owner.uid},
        .type = "Warning",
        .reason = api::reason::kNameConflict,
        .action = "Apply",
        .note = kind + " " + live->metadata.name + " exists and is not an artifact server of claim " +
                observed.claim + ": delete it or use another claim"});
    return;
  }
  apply_child(live, std::move(object), plan);
}

template <typename T>
void remove(Plan& plan, const std::optional<T>& live, const std::string& claim) {
  if (live && !live->metadata.deleted && is_ours(live->metadata, claim)) {
    plan.steps.push_back(Delete{ref_of(*live)});
  }
}

}  // namespace

Plan plan(const Observed& observed, const Settings& settings, WallTime) {
  Plan plan;
  const auto owner = choose_owner(observed);
  if (!owner) {
    remove(plan, observed.deployment, observed.claim);
    remove(plan, observed.service, observed.claim);
    return plan;
  }
  apply(plan, observed.service, artifact_service(observed.claim, *owner), observed, *owner);
  apply(plan, observed.deployment, artifact_deployment(observed.claim, *owner, settings), observed, *owner);
  return plan;
}

}  // namespace wan::reconcile::artifacts
