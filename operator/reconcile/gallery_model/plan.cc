#include "operator/reconcile/gallery_model/plan.h"

#include "base/crypto/sha256.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/objects/inspect_job.h"
#include "operator/reconcile/objects/metadata.h"
#include "operator/reconcile/pods/cause.h"

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

void be_ready(const std::string& how, api::GalleryModelStatus& status, WallTime now) {
  mark_ready(status.conditions, {api::reason::kValid, "the entry can be deployed" + how},
             status.observed_generation, now);
}

// What a pod of the Job left behind when it found the model.
std::optional<Json> found_by(const Observed& observed, const api::Job& run) {
  for (const api::Pod& pod : observed.pods) {
    const api::ContainerState* container = pod.container(kInspectContainer);
    if (!pod.metadata.controlled_by(run.metadata.uid) || !container || !container->terminated) continue;
    if (container->terminated->exit_code != 0) continue;
    auto said = parse_json(container->terminated->message);
    if (said && is_sha256_digest(string_or(*said, {"digest"}, ""))) return *std::move(said);
  }
  return std::nullopt;
}

void take(const Json& said, const std::string& key, api::GalleryModelStatus& status) {
  status.digest = string_or(said, {"digest"}, "");
  status.inspection = key;
  if (const int64_t bytes = int_or(said, {"bytes"}, -1); bytes >= 0) status.bytes = bytes;
  const Json* generation = find(said, {"generation"});
  api::ModelDefaults defaults;
  if (generation && api::ModelDefaults::table().read(*generation, defaults, "generation"))
    status.defaults = defaults;
}

// Why the Job has not said anything yet.
std::optional<Cause> cause_of(const Observed& observed, const api::Job& run) {
  std::vector<const api::Pod*> pods;
  for (const api::Pod& pod : observed.pods) {
    if (pod.metadata.controlled_by(run.metadata.uid)) pods.push_back(&pod);
  }
  auto cause = worst_cause(pods, {});
  if (cause && cause->severity == Severity::kProgress) cause.reset();
  return cause;
}

void inspect(const Observed& observed, const Settings& settings, WallTime now,
             api::GalleryModelStatus& status, Plan& plan) {
  const std::string key = inspection_key(observed.model, settings);
  if (status.inspection == key) return be_ready("", status, now);
  const std::string name = inspect_job_name(observed.model, settings);
  const api::Job* run = nullptr;
  for (const api::Job& one : observed.runs) {
    if (one.metadata.name == name) run = &one;
    if (one.metadata.name != name && !one.metadata.deleted) plan.steps.push_back(Delete{ref_of(one)});
  }
  const int64_t generation = status.observed_generation;
  const std::string what = "looking into the source with Job " + settings.operator_namespace + "/" + name;
  if (!run) {
    plan.steps.push_back(Create{inspect_job(observed.model, settings)});
    return mark_reconciling(status.conditions, {api::reason::kInspecting, what}, generation, now);
  }
  if (const auto said = found_by(observed, *run)) {
    take(*said, key, status);
    return be_ready("", status, now);
  }
  const auto cause = cause_of(observed, *run);
  if (run->failure() || run->complete()) {
    const std::string why = cause            ? cause->message
                            : run->failure() ? run->failure()->message
                                             : "it left no result";
    return mark_stalled(
        status.conditions,
        {api::reason::kSourceUnreadable,
         "the source cannot be read: " + why + "; it is tried again when Job " + name + " has gone"},
        generation, now);
  }
  const std::string why = cause ? "; " + cause->message : "";
  mark_reconciling(status.conditions, {api::reason::kInspecting, what + why}, generation, now);
}

}  // namespace

Plan plan(const Observed& observed, const Settings& settings, WallTime now) {
  const api::GalleryModel& model = observed.model;
  Plan plan;
  if (model.metadata.deleted) return plan;
  api::GalleryModelStatus status = model.status;
  status.observed_generation = model.metadata.generation;
  const std::string wrong = problem(model.spec);
  if (!must_inspect(model) || status.inspection != inspection_key(model, settings)) {
    status.digest = wrong.empty() ? model.spec.source.digest : "";
    status.bytes.reset();
    status.defaults.reset();
    status.inspection.clear();
  }
  if (!wrong.empty()) {
    mark_stalled(status.conditions, {api::reason::kInvalidSpec, wrong}, model.metadata.generation, now);
  } else if (must_inspect(model)) {
    inspect(observed, settings, now, status, plan);
  } else if (status.digest.empty()) {
    be_ready("; its digest is known once a pod has fetched it from the claim", status, now);
  } else {
    be_ready("", status, now);
  }
  if (status != model.status) plan.steps.push_back(WriteStatus{ref_of(model), to_json(status), ""});
  return plan;
}

}  // namespace wan::reconcile::gallery_model
