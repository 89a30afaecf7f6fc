#include "operator/reconcile/objects/pod_template.h"

#include <algorithm>

#include "operator/reconcile/objects/names.h"

namespace wan::reconcile {
namespace {

constexpr const char* kScratch = "/scratch";
constexpr const char* kGalleryMount = "/gallery";
// A large model needs long to load from a cold disk; a pod that is stuck for longer is started again.
constexpr int kLoadDeadlineSeconds = 3600;
constexpr int kGraceSeconds = 60;
constexpr int kDrainSeconds = 50;

Json mount(const std::string& name, const std::string& path, bool read_only = false) {
  Json result = {{"name", name}, {"mountPath", path}};
  if (read_only) result["readOnly"] = true;
  return result;
}

Json field_env(const std::string& name, const std::string& path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", path}}}}}};
}

std::string digest_of_model(const RuntimePod& pod) {
  return pod.digest.empty() ? known_digest(*pod.model) : pod.digest;
}

// A claim may keep several models, so each has a folder of its own there.
std::string model_directory(const RuntimePod& pod) {
  if (!pod.cache || !pod.cache->pvc) return "/models/model";
  const std::string digest = digest_of_model(pod);
  const std::string suffix = digest.empty() ? "" : "-" + digest.substr(7, 12);
  return "/models/" + pod.model->metadata.name + suffix;
}

bool has_gallery_claim(const RuntimePod& pod) {
  return pod.model->spec.source.local && pod.model->spec.source.local->pvc;
}

}  // namespace

std::string source_reference(const RuntimePod& pod) {
  const api::LocalSource source = pod.model->spec.source.local.value_or(api::LocalSource{});
  std::string path = source.path;
  if (source.pvc) {
    path.erase(0, path.find_first_not_of('/'));
    path = path.empty() || path == "." ? kGalleryMount : std::string(kGalleryMount) + "/" + path;
  }
  const std::string name = source.ref.empty() ? pod.model->metadata.name : source.ref;
  const std::string digest = digest_of_model(pod);
  return "local://" + path + ":" + name + (digest.empty() ? "" : "@" + digest);
}

namespace {

Json pull_container(const RuntimePod& pod, const Settings& settings) {
  Json mounts = Json::array({mount("models", "/models"), mount("tmp", "/tmp")});
  if (has_gallery_claim(pod)) mounts.push_back(mount("gallery", kGalleryMount, true));
  return {
      {"name", kPullContainer},
      {"image", settings.runtime_image},
      {"imagePullPolicy", "IfNotPresent"},
      {"command",
       {"wan-gallery", "pull", source_reference(pod), "--output", model_directory(pod), "--termination-log",
        "/dev/termination-log", "--progress-listen", "0.0.0.0:" + std::to_string(kRuntimePort)}},
      {"env",
       Json::array({field_env("POD_UID", "metadata.uid"),
                    {{"name", "WAN_CAPABILITY_PUBLIC_KEY"}, {"value", settings.capability_public_key}}})},
      {"resources", {{"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}}, {"limits", {{"memory", "1Gi"}}}}},
      {"securityContext", container_security()},
      {"volumeMounts", std::move(mounts)}};
}

Json resources(const RuntimePod& pod) {
  Json requests = {{"cpu", pod.profile->cpu.text}, {"memory", pod.profile->memory.text}};
  Json limits = {{"memory", pod.profile->memory.text}};
  const int gpus = pod.gpu && pod.gpu->count ? *pod.gpu->count : pod.profile->gpus_per_replica;
  if (gpus > 0) {
    const bool overridden = pod.gpu && !pod.gpu->resource_name.empty();
    limits[overridden ? pod.gpu->resource_name : pod.profile->gpu_resource_name] = std::to_string(gpus);
  }
  return {{"requests", std::move(requests)}, {"limits", std::move(limits)}};
}

// From the profile, never from the node: the number of threads can change the last bits of a video.
int threads(const api::Profile& profile) {
  const auto cpus = api::whole_value(profile.cpu.text);
  return cpus ? static_cast<int>(std::clamp<int64_t>(*cpus, 1, 256)) : 1;
}

Json command(const RuntimePod& pod) {
  Json result = {"wan-runtime", pod.job_uid.empty() ? "serve" : "job", "--model", model_directory(pod)};
  const auto add = [&](const char* flag, const std::string& value) {
    result.push_back(flag);
    result.push_back(value);
  };
  add("--listen", "0.0.0.0:" + std::to_string(kRuntimePort));
  add("--threads", std::to_string(threads(*pod.profile)));
  add("--precision", pod.profile->precision);
  add("--scratch", kScratch);
  if (pod.job_uid.empty()) {
    add("--drain-seconds", std::to_string(kDrainSeconds));
  } else {
    add("--termination-log", "/dev/termination-log");
  }
  return result;
}

Json environment(const RuntimePod& pod, const Settings& settings) {
  Json result = Json::array({field_env("POD_UID", "metadata.uid"), field_env("POD_NAME", "metadata.name"),
                             field_env("POD_NAMESPACE", "metadata.namespace")});
  result.push_back({{"name", "WAN_CAPABILITY_PUBLIC_KEY"}, {"value", settings.capability_public_key}});
  if (!pod.job_uid.empty()) result.push_back({{"name", "JOB_UID"}, {"value", pod.job_uid}});
  return result;
}

Json runtime_container(const RuntimePod& pod, const Settings& settings) {
  return {{"name", kRuntimeContainer},
          {"image", settings.runtime_image},
          {"imagePullPolicy", "IfNotPresent"},
          {"command", command(pod)},
          {"env", environment(pod, settings)},
          {"ports", Json::array({{{"name", "http"}, {"containerPort", kRuntimePort}, {"protocol", "TCP"}}})},
          {"resources", resources(pod)},
          {"startupProbe", http_probe("/readyz", 1, kLoadDeadlineSeconds)},
          {"readinessProbe", http_probe("/readyz", 2, 3)},
          {"livenessProbe", http_probe("/healthz", 10, 6)},
          {"securityContext", container_security()},
          {"volumeMounts", Json::array({mount("models", "/models", true), mount("scratch", kScratch),
                                        mount("tmp", "/tmp")})}};
}

Json claim_volume(const std::string& name, const std::string& claim, bool read_only) {
  Json source = {{"claimName", claim}};
  if (read_only) source["readOnly"] = true;
  return {{"name", name}, {"persistentVolumeClaim", std::move(source)}};
}

Json volumes(const RuntimePod& pod) {
  Json models = {{"name", "models"}, {"emptyDir", Json::object()}};
  if (pod.cache && pod.cache->pvc) models = claim_volume("models", pod.cache->pvc->claim_name, false);
  if (pod.cache && pod.cache->empty_dir && !pod.cache->empty_dir->size_limit.empty()) {
    models["emptyDir"]["sizeLimit"] = pod.cache->empty_dir->size_limit.text;
  }
  Json result = Json::array({std::move(models)});
  result.push_back({{"name", "scratch"}, {"emptyDir", Json::object()}});
  result.push_back({{"name", "tmp"}, {"emptyDir", Json::object()}});
  if (has_gallery_claim(pod)) {
    result.push_back(claim_volume("gallery", pod.model->spec.source.local->pvc->claim_name, true));
  }
  return result;
}

void place(const api::Placement& placement, Json& spec) {
  const Json written = api::Placement::table().write(placement);
  for (const char* field : {"nodeSelector", "tolerations", "affinity", "runtimeClassName",
                            "priorityClassName", "imagePullSecrets"}) {
    if (written.contains(field)) spec[field] = written[field];
  }
}

}  // namespace

const api::Profile* find_profile(const api::GalleryModelSpec& model, const std::string& name) {
  if (name.empty()) return model.profiles.empty() ? nullptr : &model.profiles.front();
  const auto found = std::ranges::find(model.profiles, name, &api::Profile::name);
  return found == model.profiles.end() ? nullptr : &*found;
}

std::string profile_names(const api::GalleryModelSpec& model) {
  std::string result;
  for (const api::Profile& profile : model.profiles) result += (result.empty() ? "" : ", ") + profile.name;
  return result.empty() ? "none" : result;
}

std::string known_digest(const api::GalleryModel& model) {
  // A status that is about another generation may be about another source.
  const bool current = model.status.observed_generation == model.metadata.generation;
  return model.spec.source.digest.empty() && current ? model.status.digest : model.spec.source.digest;
}

Json pod_security() {
  return {{"runAsNonRoot", true},
          {"runAsUser", kUser},
          {"runAsGroup", kUser},
          {"fsGroup", kUser},
          {"fsGroupChangePolicy", "OnRootMismatch"},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

Json container_security() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", Json::array({"ALL"})}}}};
}

Json http_probe(const std::string& path, int period_seconds, int failure_threshold) {
  return {{"httpGet", {{"path", path}, {"port", "http"}}},
          {"periodSeconds", period_seconds},
          {"timeoutSeconds", 5},
          {"failureThreshold", failure_threshold}};
}

Json pod_template(const RuntimePod& pod, const Settings& settings) {
  Json spec = {{"automountServiceAccountToken", false},
               {"enableServiceLinks", false},
               {"terminationGracePeriodSeconds", kGraceSeconds},
               {"securityContext", pod_security()},
               {"initContainers", Json::array({pull_container(pod, settings)})},
               {"containers", Json::array({runtime_container(pod, settings)})},
               {"volumes", volumes(pod)}};
  if (!pod.service_account.empty()) spec["serviceAccountName"] = pod.service_account;
  if (!pod.job_uid.empty()) spec["restartPolicy"] = "Never";
  if (pod.placement) place(*pod.placement, spec);
  Json result = {{"metadata", {{"labels", pod.labels}}}, {"spec", std::move(spec)}};
  result["metadata"]["annotations"] = pod.annotations;
  const std::string digest = digest_of(result);
  result["metadata"]["annotations"][api::kAnnotationConfig] = digest;
  return result;
}

}  // namespace wan::reconcile
