#include "operator/reconcile/wan_deployment/tokens.h"

#include <algorithm>
#include <array>

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

// A Secret of the same name may be on its way out with an earlier WanDeployment when this one is made. The
// garbage collector takes a while, and longer in a busy cluster: ages at which it is worth another try.
struct Retry {
  std::chrono::seconds from, to;
};
constexpr std::array kRetries{Retry{std::chrono::seconds(5), std::chrono::seconds(8)},
                              Retry{std::chrono::seconds(20), std::chrono::seconds(25)},
                              Retry{std::chrono::seconds(60), std::chrono::seconds(70)},
                              Retry{std::chrono::seconds(240), std::chrono::seconds(270)}};

bool is_retry(std::chrono::microseconds age) {
  return std::ranges::any_of(kRetries, [&](const Retry& one) { return age >= one.from && age < one.to; });
}

void look_at_next_retry(std::chrono::microseconds age, Plan& plan) {
  const auto next = std::ranges::find_if(kRetries, [&](const Retry& one) { return one.from > age; });
  if (next != kRetries.end()) look_again(plan, next->from - age);
}

// Nobody reads the Secret back, so it is made again when that is cheap and may be needed: for a new
// generation of the token, whenever the deployment becomes complete, once this process begins to look after
// it, and at the ages above.
bool may_be_missing(const Observed& observed, const api::WanDeploymentStatus& status, const std::string& name,
                    std::chrono::microseconds age) {
  const bool known = status.token_secret_ref && status.token_secret_ref->name == name;
  const bool completed =
      is_true(status.conditions, api::kReady) && !is_true(observed.deployment.status.conditions, api::kReady);
  return !known || completed || observed.first_look || is_retry(age);
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
  const auto age = now - anchor->metadata.created.value_or(now);
  look_at_next_retry(age, plan);
  if (may_be_missing(observed, status, name, age)) {
    plan.steps.push_back(
        Create{.object = token_secret(deployment, *anchor, settings), .is_unreadable = true});
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
