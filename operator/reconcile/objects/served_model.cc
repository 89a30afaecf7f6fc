#include "operator/reconcile/objects/served_model.h"

#include "base/crypto/hmac.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {
namespace {

constexpr const char* kApp = "wan-runtime";

Labels child_labels(const api::WanDeployment& deployment) {
  Labels labels = common_labels(kApp, deployment.metadata.name);
  labels[api::kLabelDeployment] = deployment.metadata.name;
  labels[api::kLabelOwnerUid] = deployment.metadata.uid;
  return labels;
}

RuntimePod runtime_pod(const api::WanDeployment& deployment, const api::GalleryModel& model) {
  RuntimePod pod{.model = &model,
                 .profile = find_profile(model.spec, deployment.spec.profile),
                 .digest = deployment.spec.model.digest,
                 .gpu = deployment.spec.gpu,
                 .placement = deployment.spec.placement,
                 .cache = deployment.spec.cache,
                 .labels = child_labels(deployment)};
  if (deployment.spec.pod_template) {
    // insert() keeps what is there: the operator's own labels win.
    const api::PodMetadata& extra = deployment.spec.pod_template->metadata;
    pod.labels.insert(extra.labels.begin(), extra.labels.end());
    pod.annotations.insert(extra.annotations.begin(), extra.annotations.end());
  }
  return pod;
}

}  // namespace

std::string pod_selector(const api::WanDeployment& deployment) {
  return std::string(api::kLabelDeployment) + "=" + deployment.metadata.name;
}

Json runtime_deployment(const api::WanDeployment& deployment, const api::GalleryModel& model,
                        const Settings& settings) {
  Json object = child("apps/v1", "Deployment", deployment.metadata.name, child_labels(deployment),
                      owner_of(deployment));
  object["spec"] = {
      {"replicas", deployment.spec.suspend ? 0 : deployment.spec.replicas},
      {"revisionHistoryLimit", 2},
      // Longer than the startup probe allows a pod to load.
      {"progressDeadlineSeconds", 7200},
      {"selector", {{"matchLabels", {{api::kLabelDeployment, deployment.metadata.name}}}}},
      // With no spare GPU a surge pod could never start while the old one holds its GPU.
      {"strategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}}}},
      {"template", pod_template(runtime_pod(deployment, model), settings)}};
  return with_intent(std::move(object));
}

Json runtime_service(const api::WanDeployment& deployment) {
  Json object =
      child("v1", "Service", deployment.metadata.name, child_labels(deployment), owner_of(deployment));
  object["spec"] = {
      {"type", "ClusterIP"},
      {"selector", {{api::kLabelDeployment, deployment.metadata.name}}},
      {"ports",
       Json::array(
           {{{"name", "http"}, {"port", kRuntimePort}, {"targetPort", "http"}, {"protocol", "TCP"}}})}};
  return with_intent(std::move(object));
}

std::string access_token(const api::WanDeployment& deployment, const Settings& settings) {
  const Sha256Bytes mac =
      hmac_sha256(settings.token_key,
                  deployment.metadata.uid + "|" + std::to_string(deployment.spec.access.token_generation));
  return base64url_encode(std::string(mac.begin(), mac.end()));
}

Json token_secret(const api::WanDeployment& deployment, const Settings& settings) {
  Json object =
      child("v1", "Secret", token_secret_name(deployment), child_labels(deployment), owner_of(deployment));
  object["type"] = "Opaque";
  object["immutable"] = true;
  object["data"] = {{"token", base64_encode(access_token(deployment, settings))}};
  return object;
}

}  // namespace wan::reconcile
