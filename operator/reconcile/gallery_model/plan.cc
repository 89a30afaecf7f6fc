#include "operator/reconcile/gallery_model/plan.h"

#include "base/crypto/sha256.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/objects/metadata.h"

namespace wan::reconcile::gallery_model {
namespace {

// What the schema should have refused; an object may be older than the schema.
std::string problem(const api::GalleryModelSpec& spec) {
  if (!spec.source.local) return "spec.source must say where the model is: local";
  if (!spec.source.digest.empty() && !is_sha256_digest(spec.source.digest)) {
    return "spec.source.digest is \"" + spec.source.digest +
           "\", it must be sha256: and 64 lower-case hexadecimal digits";
  }
  if (spec.profiles.empty()) return "spec.profiles must have at least one profile";
  for (const api::Profile& profile : spec.profiles) {
    for (const api::Quantity& quantity : {profile.cpu, profile.memory}) {
      if (const auto value = api::milli_value(quantity.text); !value) {
        return "spec.profiles[" + profile.name + "]: " + value.error().message;
      }
    }
  }
  return "";
}

}  // namespace

Plan plan(const Observed& observed, const Settings&, WallTime now) {
  const api::GalleryModel& model = observed.model;
  Plan plan;
  if (model.metadata.deleted) return plan;
  api::GalleryModelStatus status = model.status;
  status.observed_generation = model.metadata.generation;
  const std::string wrong = problem(model.spec);
  status.digest = wrong.empty() ? model.spec.source.digest : "";
  if (wrong.empty()) {
    mark_ready(status.conditions, {api::reason::kValid, "the entry can be deployed"},
               model.metadata.generation, now);
  } else {
    mark_stalled(status.conditions, {api::reason::kInvalidSpec, wrong}, model.metadata.generation, now);
  }
  if (status != model.status) plan.steps.push_back(WriteStatus{ref_of(model), to_json(status), ""});
  return plan;
}

}  // namespace wan::reconcile::gallery_model
