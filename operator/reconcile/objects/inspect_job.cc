#include "operator/reconcile/objects/inspect_job.h"

#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {
namespace {

constexpr size_t kKeyLength = 16;
constexpr int kDeadlineSeconds = 600;
// A source that could not be read is read again when the Job has gone.
constexpr int kKeptSeconds = 600;

// As the spec says: not what was found before.
std::string reference(api::GalleryModel model) {
  model.status.digest.clear();
  return source_reference(RuntimePod{.model = &model});
}

Json container(const api::GalleryModel& model, const Settings& settings) {
  return {
      {"name", kInspectContainer},
      {"image", settings.runtime_image},
      {"imagePullPolicy", "IfNotPresent"},
      {"command", {"wan-gallery", "inspect", reference(model), "--termination-log", "/dev/termination-log"}},
      {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "256Mi"}}}}},
      {"securityContext", container_security()}};
}

}  // namespace

bool must_inspect(const api::GalleryModel& model) {
  const api::Source& source = model.spec.source;
  return source.digest.empty() && source.local && !source.local->pvc;
}

std::string inspection_key(const api::GalleryModel& model, const Settings& settings) {
  const Json what = {{"source", reference(model)}, {"image", settings.runtime_image}};
  return digest_of(what).substr(0, kKeyLength);
}

std::string inspect_job_name(const api::GalleryModel& model, const Settings& settings) {
  // Another entry of the same name has another UID.
  const std::string unique = digest_of(Json::array({model.metadata.uid, inspection_key(model, settings)}));
  return bounded_name(model.metadata.name, "-inspect-" + unique.substr(0, 8));
}

Json inspect_job(const api::GalleryModel& model, const Settings& settings) {
  Labels labels = common_labels("wan-gallery", bounded_name(model.metadata.name, ""));
  labels[api::kLabelOwnerUid] = model.metadata.uid;
  Owner owner = owner_of(model);
  owner.namespace_ = settings.operator_namespace;
  Json object = child("batch/v1", "Job", inspect_job_name(model, settings), labels, owner);
  // Setting it takes a right on the owner's finalizers, and nothing waits for this Job.
  object["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = false;
  const Json pod = {{"automountServiceAccountToken", false},
                    {"enableServiceLinks", false},
                    {"restartPolicy", "Never"},
                    {"securityContext", pod_security()},
                    {"containers", Json::array({container(model, settings)})}};
  object["spec"] = {{"backoffLimit", 2},
                    {"activeDeadlineSeconds", kDeadlineSeconds},
                    {"ttlSecondsAfterFinished", kKeptSeconds},
                    {"template", {{"metadata", {{"labels", labels}}}, {"spec", pod}}}};
  return with_intent(std::move(object));
}

}  // namespace wan::reconcile
