#include "operator/reconcile/artifacts/plan.h"

#include <tuple>

#include "operator/api/reasons.h"
#include "operator/reconcile/objects/artifact_server.h"

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

// Who owns the server, and the target as it says it.
struct Referent {
  Owner owner;
  ArtifactTarget target;
};

std::optional<Referent> choose_referent(const Observed& observed) {
  if (const auto* deployment = oldest(observed.deployments)) {
    return Referent{owner_of(*deployment), artifact_target(*deployment)};
  }
  if (const auto* job = oldest(observed.jobs)) {
    for (ArtifactTarget& target : own_targets(*job)) {
      if (identity_of(target) == observed.target) return Referent{owner_of(*job), std::move(target)};
    }
  }
  return std::nullopt;
}

bool is_ours(const api::Meta& live, const std::string& target) {
  return live.label(api::kLabelArtifacts) == identity_hash(target) && target_of(live) == target;
}

template <typename T>
void apply(Plan& plan, const std::optional<T>& live, Json object, const Observed& observed,
           const Referent& referent) {
  if (live && !is_ours(live->metadata, observed.target)) {
    const std::string kind = string_or(object, {"kind"}, "");
    const Owner& owner = referent.owner;
    plan.steps.push_back(
        EmitEvent{.regarding = {owner.api_version, owner.kind, owner.namespace_, owner.name, owner.uid},
                  .type = "Warning",
                  .reason = api::reason::kNameConflict,
                  .action = "Apply",
                  .note = kind + " " + live->metadata.name + " exists and is not an artifact server of " +
                          describe(referent.target) + ": delete it or use another store"});
    return;
  }
  apply_child(live, std::move(object), plan);
}

template <typename T>
void remove(Plan& plan, const std::optional<T>& live, const std::string& target) {
  if (live && !live->metadata.deleted && is_ours(live->metadata, target)) {
    plan.steps.push_back(Delete{ref_of(*live)});
  }
}

}  // namespace

Plan plan(const Observed& observed, const Settings& settings, WallTime) {
  Plan plan;
  const auto referent = choose_referent(observed);
  if (!referent) {
    remove(plan, observed.deployment, observed.target);
    remove(plan, observed.service, observed.target);
    return plan;
  }
  const auto& [owner, target] = *referent;
  apply(plan, observed.service, artifact_service(target, owner), observed, *referent);
  apply(plan, observed.deployment, artifact_deployment(target, owner, settings), observed, *referent);
  return plan;
}

}  // namespace wan::reconcile::artifacts
