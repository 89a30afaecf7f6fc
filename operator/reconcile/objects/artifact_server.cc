#include "operator/reconcile/objects/artifact_server.h"

#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {
namespace {

constexpr const char* kUploads = "/uploads";
constexpr const char* kSecrets = "/secrets/";
// Readable by the pod's group (fsGroup), to which kubelet gives the files, and by nobody else.
constexpr int kSecretMode = 0440;

bool is_bucket(const ArtifactTarget& target) { return !target.bucket.empty(); }

std::string name_of(const ArtifactTarget& target) { return artifact_server_name(identity_of(target)); }

Json selector(const ArtifactTarget& target) {
  return {{api::kLabelArtifacts, identity_hash(identity_of(target))}};
}

Labels server_labels(const ArtifactTarget& target) {
  Labels labels = common_labels("wan-artifacts", name_of(target));
  labels[api::kLabelArtifacts] = identity_hash(identity_of(target));
  return labels;
}

Json server(const std::string& kind, const std::string& api_version, const ArtifactTarget& target,
            const Owner& owner) {
  Json object = child(api_version, kind, name_of(target), server_labels(target), owner);
  const char* annotation = is_bucket(target) ? api::kAnnotationBucket : api::kAnnotationClaim;
  object["metadata"]["annotations"] = {{annotation, identity_of(target)}};
  return object;
}

Json command(const ArtifactTarget& target, const Owner& owner, const Settings& settings) {
  Json result = {"wan-gallery", "artifacts"};
  const auto add = [&](const char* flag, const std::string& value) {
    result.push_back(flag);
    result.push_back(value);
  };
  if (is_bucket(target)) {
    add("--s3-endpoint", target.endpoint);
    add("--s3-bucket", target.bucket);
    add("--s3-region", target.region);
    if (!target.prefix.empty()) add("--s3-prefix", target.prefix);
    add("--s3-credentials", kSecrets + target.secret);
    add("--uploads", kUploads);
    add("--termination-log", "/dev/termination-log");
    if (target.read_only) result.push_back("--read-only");
  } else {
    add("--root", "/artifacts");
  }
  add("--listen", "0.0.0.0:" + std::to_string(kRuntimePort));
  add("--audience", artifact_audience(owner.namespace_, target));
  if (!settings.picture_networks.empty() && !target.read_only)
    add("--picture-networks", settings.picture_networks);
  return result;
}

Json mount(const std::string& name, const std::string& path) { return {{"name", name}, {"mountPath", path}}; }

Json mounts(const ArtifactTarget& target) {
  if (!is_bucket(target)) return Json::array({mount("artifacts", "/artifacts"), mount("tmp", "/tmp")});
  Json secret = mount("secret", kSecrets + target.secret);
  secret["readOnly"] = true;
  return Json::array({mount("uploads", kUploads), std::move(secret), mount("tmp", "/tmp")});
}

// A Secret that is not there does not hold the pod back: its program says what is missing, where kubelet
// would only say that it waits.
Json secret_volume(const std::string& name) {
  Json items = Json::array();
  for (const char* key : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ca.crt"}) {
    items.push_back({{"key", key}, {"path", key}});
  }
  return {{"name", "secret"},
          {"secret",
           {{"secretName", name},
            {"optional", true},
            {"defaultMode", kSecretMode},
            {"items", std::move(items)}}}};
}

Json empty_dir(const std::string& name) { return {{"name", name}, {"emptyDir", Json::object()}}; }

Json volumes(const ArtifactTarget& target) {
  if (is_bucket(target)) {
    return Json::array({empty_dir("uploads"), secret_volume(target.secret), empty_dir("tmp")});
  }
  return Json::array(
      {{{"name", "artifacts"}, {"persistentVolumeClaim", {{"claimName", target.claim}}}}, empty_dir("tmp")});
}

Json container(const ArtifactTarget& target, const Owner& owner, const Settings& settings) {
  return {
      {"name", "artifacts"},
      {"image", settings.runtime_image},
      {"imagePullPolicy", "IfNotPresent"},
      {"command", command(target, owner, settings)},
      {"env",
       Json::array({{{"name", "WAN_CAPABILITY_PUBLIC_KEY"}, {"value", settings.capability_public_key}}})},
      {"ports", Json::array({{{"name", "http"}, {"containerPort", kRuntimePort}, {"protocol", "TCP"}}})},
      {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "256Mi"}}}}},
      {"startupProbe", http_probe("/readyz", 1, 120)},
      {"readinessProbe", http_probe("/readyz", 5, 3)},
      {"livenessProbe", http_probe("/healthz", 10, 6)},
      {"securityContext", container_security()},
      {"volumeMounts", mounts(target)}};
}

}  // namespace

std::string target_of(const api::Meta& live) {
  if (live.label(api::kLabelArtifacts).empty()) return "";
  const std::string claim = live.annotation(api::kAnnotationClaim);
  return claim.empty() ? live.annotation(api::kAnnotationBucket) : claim;
}

Json artifact_deployment(const ArtifactTarget& target, const Owner& owner, const Settings& settings) {
  Json object = server("Deployment", "apps/v1", target, owner);
  Json pod = {{"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds", 30},
              {"securityContext", pod_security()},
              {"containers", Json::array({container(target, owner, settings)})},
              {"volumes", volumes(target)}};
  object["spec"] = {
      {"replicas", 1},
      {"revisionHistoryLimit", 2},
      {"selector", {{"matchLabels", selector(target)}}},
      // One writer at a time: the claim may be ReadWriteOnce, and names are published if absent.
      {"strategy", {{"type", "Recreate"}}},
      {"template", {{"metadata", {{"labels", server_labels(target)}}}, {"spec", std::move(pod)}}}};
  return with_intent(std::move(object));
}

Json artifact_service(const ArtifactTarget& target, const Owner& owner) {
  Json object = server("Service", "v1", target, owner);
  object["spec"] = {
      {"type", "ClusterIP"},
      {"selector", selector(target)},
      {"ports",
       Json::array(
           {{{"name", "http"}, {"port", kRuntimePort}, {"targetPort", "http"}, {"protocol", "TCP"}}})}};
  return with_intent(std::move(object));
}

}  // namespace wan::reconcile
