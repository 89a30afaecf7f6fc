#include "operator/reconcile/objects/served_model.h"

#include "base/crypto/hmac.h"
#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {
namespace {

constexpr const char* kApp = "wan-runtime";

}  // namespace

Labels child_labels(const api::WanDeployment& deployment) {
  Labels labels = common_labels(kApp, deployment.metadata.name);
  labels[api::kLabelDeployment] = deployment.metadata.name;
  labels[api::kLabelOwnerUid] = deployment.metadata.uid;
  return labels;
}

std::string pod_selector(const api::WanDeployment& deployment) {
  return std::string(api::kLabelDeployment) + "=" + deployment.metadata.name;
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

Json token_anchor(const api::WanDeployment& deployment, int generation) {
  Labels labels = child_labels(deployment);
  labels[api::kLabelTokenGeneration] = std::to_string(generation);
  Json object = child("apps/v1", "ControllerRevision", token_secret_name(deployment, generation), labels,
                      owner_of(deployment));
  object["revision"] = generation;
  object["data"] = {{"tokenGeneration", generation}};
  return object;
}

std::string access_token(const api::WanDeployment& deployment, int generation, const Settings& settings) {
  const Sha256Bytes mac =
      hmac_sha256(settings.token_key, deployment.metadata.uid + "|" + std::to_string(generation));
  return base64url_encode(std::string(mac.begin(), mac.end()));
}

Json token_secret(const api::WanDeployment& deployment, const api::ControllerRevision& anchor,
                  const Settings& settings) {
  const int generation = static_cast<int>(anchor.revision);
  Json object = child("v1", "Secret", token_secret_name(deployment, generation), child_labels(deployment),
                      owner_of(anchor));
  // Setting it takes a right on the owner's finalizers, and nothing waits for this Secret.
  object["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = false;
  object["type"] = "Opaque";
  object["immutable"] = true;
  object["data"] = {{"token", base64_encode(access_token(deployment, generation, settings))}};
  return object;
}

}  // namespace wan::reconcile
