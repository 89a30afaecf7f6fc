#include "operator/reconcile/wan_deployment/tokens.h"

#include <algorithm>

#include "base/crypto/sha256.h"
#include "operator/api/identifiers.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/served_model.h"

namespace wan::reconcile::wan_deployment {
namespace {

const api::ControllerRevision* find_anchor(const Observed& observed, int64_t generation) {
  for (const api::ControllerRevision& one : observed.revisions) {
    if (one.metadata.deleted || one.metadata.label(api::kLabelTokenGeneration).empty()) continue;
    if (one.revision == generation) return &one;
  }
  return nullptr;
}

// Of the generations before, the last.
const api::ControllerRevision* previous_anchor(const Observed& observed, int64_t generation) {
  const api::ControllerRevision* last = nullptr;
  for (const api::ControllerRevision& one : observed.revisions) {
    if (one.metadata.deleted || one.metadata.label(api::kLabelTokenGeneration).empty()) continue;
    if (one.revision < generation && (!last || one.revision > last->revision)) last = &one;
  }
  return last;
}

void remove_anchors(const Observed& observed, int64_t generation, const api::ControllerRevision* but,
                    Plan& plan) {
  for (const api::ControllerRevision& one : observed.revisions) {
    if (one.metadata.deleted || one.metadata.label(api::kLabelTokenGeneration).empty()) continue;
    if (one.revision < generation && &one != but) plan.steps.push_back(Delete{ref_of(one)});
  }
}

// Nobody reads the Secret back, so it is made again when that is cheap and may be needed: for a new
// generation of the token, and whenever the deployment becomes complete (a Secret of the same name may have
// been on its way out with an earlier WanDeployment when this one was made).
bool may_be_missing(const api::WanDeployment& before, const api::WanDeploymentStatus& status,
                    const std::string& name) {
  const bool known = status.token_secret_ref && status.token_secret_ref->name == name;
  return !known ||
         (is_true(status.conditions, api::kReady) && !is_true(before.status.conditions, api::kReady));
}

}  // namespace

void plan_tokens(const Observed& observed, const Settings& settings, WallTime now,
                 api::WanDeploymentStatus& status, Plan& plan) {
  const api::WanDeployment& deployment = observed.deployment;
  const int generation = deployment.spec.access.token_generation;
  const api::ControllerRevision* anchor = find_anchor(observed, generation);
  if (!anchor) {
    // Its UID goes into the Secret: what was valid stays so until then.
    plan.steps.push_back(Apply{token_anchor(deployment, generation)});
    return;
  }
  const std::string name = token_secret_name(deployment, generation);
  if (may_be_missing(deployment, status, name)) {
    plan.steps.push_back(Create{token_secret(deployment, *anchor, settings)});
  }
  status.token_secret_ref = api::NameRef{name};
  status.token_hashes = {sha256_digest(access_token(deployment, generation, settings))};
  const api::ControllerRevision* previous = previous_anchor(observed, generation);
  const WallTime until = anchor->metadata.created.value_or(now) +
                         std::chrono::seconds(deployment.spec.access.previous_token_seconds);
  if (previous && now < until) {
    const int before = static_cast<int>(previous->revision);
    status.token_hashes.push_back(sha256_digest(access_token(deployment, before, settings)));
    look_again(plan, until - now);
  }
  remove_anchors(observed, generation, now < until ? previous : nullptr, plan);
  for (const std::string& hash : deployment.spec.access.token_hashes) {
    if (std::ranges::find(status.token_hashes, hash) == status.token_hashes.end()) {
      status.token_hashes.push_back(hash);
    }
  }
}

}  // namespace wan::reconcile::wan_deployment
