// 10,000 resources: start, memory, idle, and how soon a new VideoJob has its pod.

#include <algorithm>

#include "tests/bench/operator/scenario.h"

namespace wan::bench {
namespace {

constexpr size_t kNamespaceCount = 20;
constexpr size_t kDeployments = 40;  // each with a pod and its children
constexpr size_t kModels = 10;

std::string namespace_name(size_t number) { return "bench-" + std::to_string(number % kNamespaceCount); }

Json named(const std::string& api_version, const std::string& kind, const std::string& name,
           const std::string& namespace_) {
  Json object = Json::object();
  object["apiVersion"] = api_version;
  object["kind"] = kind;
  object["metadata"]["name"] = name;
  if (!namespace_.empty()) object["metadata"]["namespace"] = namespace_;
  return object;
}

std::vector<Json> namespaces() {
  std::vector<Json> made;
  for (size_t i = 0; i < kNamespaceCount; ++i)
    made.push_back(named("v1", "Namespace", namespace_name(i), ""));
  return made;
}

std::vector<Json> models() {
  std::vector<Json> made;
  for (size_t i = 0; i < kModels; ++i) {
    Json model = named("wan.gallery/v1alpha1", "GalleryModel", "bench-" + std::to_string(i), "");
    model["spec"] = parse_yaml(
                        "{displayName: Bench, task: text-to-video, source: {local: {path: /opt/wan/gallery}, "
                        "digest: 'sha256:" +
                        std::string(64, 'a') +
                        "'}, profiles: "
                        "[{name: cpu, gpusPerReplica: 0, cpu: '1', memory: 1Gi, precision: fp32}]}")
                        .value();
    made.push_back(std::move(model));
  }
  return made;
}

std::vector<Json> deployments() {
  std::vector<Json> made;
  for (size_t i = 0; i < kDeployments; ++i) {
    Json one =
        named("wan.gallery/v1alpha1", "WanDeployment", "served-" + std::to_string(i), namespace_name(i));
    one["spec"]["model"]["name"] = "bench-" + std::to_string(i % kModels);
    made.push_back(std::move(one));
  }
  return made;
}

// Nine of ten have succeeded, the others wait for a deployment that is not there.
bool has_succeeded(size_t number) { return number % 10 != 0; }

Json job(size_t number) {
  Json made =
      named("wan.gallery/v1alpha1", "VideoJob", "kept-" + std::to_string(number), namespace_name(number));
  made["spec"]["deploymentRef"]["name"] =
      has_succeeded(number) ? "served-" + std::to_string(number % kDeployments) : "nowhere";
  made["spec"]["prompt"] =
      "a red ball moves to the right on a blue background, the camera follows it slowly, soft "
      "light, film grain, number " +
      std::to_string(number);
  made["spec"]["seed"] = number;
  made["spec"]["output"]["pvc"]["claimName"] = "videos";
  return made;
}

Task<Status> fill(Setup& setup, const Json& sample) {
  WAN_CO_TRY_VOID(co_await create_all(setup.admin, kNamespaces, namespaces()));
  WAN_CO_TRY_VOID(co_await create_all(setup.admin, kube::kGalleryModels, models()));
  WAN_CO_TRY_VOID(co_await create_all(setup.admin, kube::kWanDeployments, deployments()));
  const Work work = [&](kube::Api& api, size_t i) -> Task<Status> {
    WAN_CO_TRY(const Json made, co_await api.create(kube::kVideoJobs, job(i)));
    if (!has_succeeded(i)) co_return Status();
    Json object = named("wan.gallery/v1alpha1", "VideoJob", string_or(made, {"metadata", "name"}, ""),
                        string_or(made, {"metadata", "namespace"}, ""));
    object["status"] = sample;
    const auto stored =
        co_await api.apply(kube::kVideoJobs, std::move(object), "wan-operator-status", "status");
    co_return stored ? Status() : Status(fail(stored.error()));
  };
  const size_t others = kModels + 1 + kDeployments + 1;
  co_return co_await in_parallel(setup.admin, setup.resources - std::min(setup.resources, others), work);
}

// Until nothing has been written for five seconds.
Task<Status> settle(Setup& setup) {
  Contender contender(setup.ours);
  WAN_CO_TRY_VOID(co_await contender.start(setup.logs / "settle.log"));
  double before = -1;
  for (int tries = 0; tries < 60; ++tries) {
    const double now = contender.cost().cpu_seconds;
    if (now - before < 0.1) break;
    before = now;
    WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::seconds(5)));
  }
  co_return co_await contender.stop();
}

// `job`: where to put what time_new_jobs returns; none: new jobs are not timed.
Task<Status> measure(Setup& setup, const Program& program, Json* job) {
  Contender contender(program);
  WAN_CO_TRY_VOID(co_await contender.start(setup.logs / (program.name + "-scale.log")));
  // What the first look at everything costs is over by then.
  WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::seconds(20)));
  const Cost settled = contender.cost();
  WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::seconds(setup.idle_seconds)));
  const double idle = (contender.cost().cpu_seconds - settled.cpu_seconds) / setup.idle_seconds;
  say("  " + program.name + ": cold sync " + fixed(contender.seconds_to_ready(), 2) + " s, RSS " +
      fixed(contender.cost().rss_mib, 1) + " MiB (peak " + fixed(contender.cost().peak_rss_mib, 1) +
      "), idle CPU " + fixed(100 * idle, 2) + " %, CPU until settled " + fixed(settled.cpu_seconds, 2) +
      " s");
  Status done;
  if (job != nullptr) done = co_await time_new_jobs(setup, *job);
  WAN_CO_TRY_VOID(co_await contender.stop());
  co_return done;
}

}  // namespace

Task<Status> run_scale(Setup& setup, const Json& sample) {
  say(std::to_string(setup.resources) + " resources in " + std::to_string(kNamespaceCount) +
      " namespaces (wanted: cold sync 10 s, RSS 48 MiB, idle CPU 1 %):");
  WAN_CO_TRY_VOID(co_await fill(setup, sample));
  WAN_CO_TRY_VOID(co_await settle(setup));
  Json job;
  WAN_CO_TRY_VOID(co_await measure(setup, setup.ours, &job));
  WAN_CO_TRY_VOID(co_await time_bare_jobs(setup, std::move(job), sample));
  co_return co_await measure(setup, setup.twin, nullptr);
}

}  // namespace wan::bench
