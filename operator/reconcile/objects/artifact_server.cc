#include "operator/reconcile/objects/artifact_server.h"

#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {
namespace {

Labels server_labels(const std::string& claim) {
  Labels labels = common_labels("wan-artifacts", artifact_server_name(claim));
  labels[api::kLabelArtifacts] = claim_hash(claim);
  return labels;
}

Json selector(const std::string& claim) { return {{api::kLabelArtifacts, claim_hash(claim)}}; }

Json server(const std::string& kind, const std::string& api_version, const std::string& claim,
            const Owner& owner) {
  Json object = child(api_version, kind, artifact_server_name(claim), server_labels(claim), owner);
  object["metadata"]["annotations"] = {{api::kAnnotationClaim, claim}};
  return object;
}

Json container(const std::string& claim, const Owner& owner, const Settings& settings) {
  return {
      {"name", "artifacts"},
      {"image", settings.runtime_image},
      {"imagePullPolicy", "IfNotPresent"},
      {"command",
       {"wan-gallery", "artifacts", "--root", "/artifacts", "--listen",
        "0.0.0.0:" + std::to_string(kRuntimePort), "--audience", artifact_audience(owner.namespace_, claim)}},
      {"env",
       Json::array({{{"name", "WAN_CAPABILITY_PUBLIC_KEY"}, {"value", settings.capability_public_key}}})},
      {"ports", Json::array({{{"name", "http"}, {"containerPort", kRuntimePort}, {"protocol", "TCP"}}})},
      {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "256Mi"}}}}},
      {"startupProbe", http_probe("/readyz", 1, 120)},
      {"readinessProbe", http_probe("/readyz", 5, 3)},
      {"livenessProbe", http_probe("/healthz", 10, 6)},
      {"securityContext", container_security()},
      {"volumeMounts", Json::array({{{"name", "artifacts"}, {"mountPath", "/artifacts"}},
                                    {{"name", "tmp"}, {"mountPath", "/tmp"}}})}};
}

}  // namespace

Json artifact_deployment(const std::string& claim, const Owner& owner, const Settings& settings) {
  Json object = server("Deployment", "apps/v1", claim, owner);
  Json pod = {
      {"automountServiceAccountToken", false},
      {"enableServiceLinks", false},
      {"terminationGracePeriodSeconds", 30},
      {"securityContext", pod_security()},
      {"containers", Json::array({container(claim, owner, settings)})},
      {"volumes", Json::array({{{"name", "artifacts"}, {"persistentVolumeClaim", {{"claimName", claim}}}},
                               {{"name", "tmp"}, {"emptyDir", Json::object()}}})}};
  object["spec"] = {
      {"replicas", 1},
      {"revisionHistoryLimit", 2},
      {"selector", {{"matchLabels", selector(claim)}}},
      // One writer at a time: the claim may be ReadWriteOnce, and names are published if absent.
      {"strategy", {{"type", "Recreate"}}},
      {"template", {{"metadata", {{"labels", server_labels(claim)}}}, {"spec", std::move(pod)}}}};
  return with_intent(std::move(object));
}

Json artifact_service(const std::string& claim, const Owner& owner) {
  Json object = server("Service", "v1", claim, owner);
  object["spec"] = {
      {"type", "ClusterIP"},
      {"selector", selector(claim)},
      {"ports",
       Json::array(
           {{{"name", "http"}, {"port", kRuntimePort}, {"targetPort", "http"}, {"protocol", "TCP"}}})}};
  return with_intent(std::move(object));
}

}  // namespace wan::reconcile
