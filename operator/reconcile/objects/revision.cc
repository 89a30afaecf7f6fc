#include "operator/reconcile/objects/revision.h"

#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/objects/served_model.h"

namespace wan::reconcile {
namespace {

constexpr size_t kHashLength = 10;

Labels revision_labels(const api::WanDeployment& deployment, const Revision& revision) {
  Labels labels = child_labels(deployment);
  labels[api::kLabelRevision] = revision.hash;
  return labels;
}

RuntimePod runtime_pod(const api::WanDeployment& deployment, const api::GalleryModel& model) {
  RuntimePod pod{.model = &model,
                 .profile = find_profile(model.spec, deployment.spec.profile),
                 .digest = deployment.spec.model.digest,
                 .gpu = deployment.spec.gpu,
                 .placement = deployment.spec.placement,
                 .cache = deployment.spec.cache,
                 .service_account = pod_companion_name(deployment),
                 .labels = child_labels(deployment)};
  if (deployment.spec.pod_template) {
    // insert() keeps what is there: the operator's own labels win.
    const api::PodMetadata& extra = deployment.spec.pod_template->metadata;
    pod.labels.insert(extra.labels.begin(), extra.labels.end());
    pod.annotations.insert(extra.annotations.begin(), extra.annotations.end());
  }
  return pod;
}

std::string model_digest(const api::WanDeployment& deployment, const api::GalleryModel& model) {
  return deployment.spec.model.digest.empty() ? known_digest(model) : deployment.spec.model.digest;
}

}  // namespace

// None of these fields may get a default of the schema: an object of before would get another digest by it.
std::string pod_spec_digest(const api::WanDeploymentSpec& spec) {
  Json written = api::to_json(spec);
  Json kept = Json::object();
  for (const char* field : {"model", "profile", "gpu", "placement", "cache", "podTemplate"}) {
    if (written.contains(field)) kept[field] = std::move(written[field]);
  }
  return digest_of(kept);
}

Revision render_revision(const api::WanDeployment& deployment, const api::GalleryModel& model,
                         const Settings& settings) {
  const RuntimePod pod = runtime_pod(deployment, model);
  Revision revision{.spec = pod_spec_digest(deployment.spec)};
  revision.data = {{"model", {{"name", model.metadata.name}, {"digest", model_digest(deployment, model)}}},
                   {"profile", pod.profile->name},
                   {"image", settings.runtime_image},
                   {"template", pod_template(pod, settings)}};
  revision.hash = digest_of(revision.data).substr(0, kHashLength);
  return revision;
}

Json controller_revision(const api::WanDeployment& deployment, const Revision& revision) {
  Json object = child("apps/v1", "ControllerRevision", revision_name(deployment, revision.hash),
                      revision_labels(deployment, revision), owner_of(deployment));
  Json& annotations = object["metadata"]["annotations"];
  annotations = {{api::kAnnotationSpec, revision.spec}};
  if (!revision.failure.empty()) annotations[api::kAnnotationFailure] = revision.failure;
  object["revision"] = revision.number;
  object["data"] = revision.data;
  return object;
}

Revision read_revision(const api::ControllerRevision& live) {
  Revision revision{.hash = live.metadata.label(api::kLabelRevision),
                    .number = live.revision,
                    .spec = live.metadata.annotation(api::kAnnotationSpec),
                    .failure = live.metadata.annotation(api::kAnnotationFailure)};
  if (auto data = parse_json(live.data)) revision.data = *std::move(data);
  return revision;
}

Json runtime_deployment(const api::WanDeployment& deployment, const Revision& revision, int replicas) {
  Json object = child("apps/v1", "Deployment", revision_name(deployment, revision.hash),
                      revision_labels(deployment, revision), owner_of(deployment));
  Json pod = revision.data.value("template", Json::object());
  pod["metadata"]["labels"][api::kLabelRevision] = revision.hash;
  object["spec"] = {
      {"replicas", replicas},
      {"revisionHistoryLimit", 0},
      // Longer than the startup probe allows a pod to load.
      {"progressDeadlineSeconds", 7200},
      {"selector",
       {{"matchLabels",
         {{api::kLabelDeployment, deployment.metadata.name}, {api::kLabelRevision, revision.hash}}}}},
      // The template never changes, so neither does this; no pod is ever surged behind our back.
      {"strategy", {{"type", "Recreate"}}},
      {"template", std::move(pod)}};
  return with_intent(std::move(object));
}

}  // namespace wan::reconcile
