#include "tests/unit/operator/simulation/cluster.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "operator/api/identifiers.h"

namespace wan::simulation {
namespace {

constexpr const char* kTemplate = "simulation/template";  // which template a pod was made from

std::string text(const Json& object, const char* field) { return string_or(object, {"status", field}, ""); }

const Json* runtime_container(const Json& pod) {
  const Json* containers = wan::find(pod, {"spec", "containers"});
  if (containers == nullptr) return nullptr;
  for (const Json& one : *containers) {
    if (string_or(one, {"name"}, "") == "runtime") return &one;
  }
  return nullptr;
}

bool is_one_shot(const Json& pod) { return !label_of(pod, api::kLabelVideoJob).empty(); }

Json condition(const char* type, bool on, const char* reason = "") {
  return {{"type", type}, {"status", on ? "True" : "False"}, {"reason", reason}};
}

Json container_status(bool ready, int restarts) {
  return {{"name", "runtime"},
          {"ready", ready},
          {"restartCount", restarts},
          {"state", {{"running", {{"startedAt", "2026-01-31T00:00:00Z"}}}}}};
}

}  // namespace

bool is_ready(const Json& pod) {
  const Json* conditions = wan::find(pod, {"status", "conditions"});
  if (conditions == nullptr) return false;
  return std::ranges::any_of(
      *conditions, [](const Json& one) { return one["type"] == "Ready" && one["status"] == "True"; });
}

bool is_live(const Json& pod) {
  return !is_ending(pod) && text(pod, "phase") != "Failed" && text(pod, "phase") != "Succeeded";
}

Cluster::Cluster(World& world, ApiServer& server, Fleet& fleet)
    : world_(world), server_(server), fleet_(fleet) {
  server_.listen([this](const Write& write) { on_write(write); });
}

void Cluster::on_write(const Write& write) {
  if (write.resource == kube::kDeployments || write.resource == kube::kJobs) {
    return sync_later(write.resource, write.key);
  }
  if (write.resource != kube::kPods) return;
  const Json& pod = write.after ? *write.after : *write.before;
  const std::string kind = label_of(pod, "simulation/kind");
  sync_later(kind == "Job" ? kube::kJobs : kube::kDeployments,
             {write.key.namespace_, label_of(pod, "simulation/owner")});
  const std::string uid = uid_of(pod);
  if (!write.before) {
    world_.after(world_.between(milliseconds(20), seconds(2)),
                 [this, key = write.key, uid] { start_pod(key, uid); });
  } else if (write.after && is_ending(*write.after) && !is_ending(*write.before)) {
    world_.after(world_.between(milliseconds(20), seconds(4)),
                 [this, key = write.key, uid] { end_pod(key, uid); });
  }
}

void Cluster::sync_later(const kube::Resource& resource, const cache::Key& key) {
  if (!pending_.insert({std::string(resource.plural), key}).second) return;
  world_.after(world_.between(milliseconds(5), milliseconds(300)), [this, resource, key] {
    pending_.erase({std::string(resource.plural), key});
    resource == kube::kJobs ? sync_job(key) : sync_deployment(key);
  });
}

std::vector<Object> Cluster::pods_of(const std::string& owner_uid) const {
  std::vector<Object> pods;
  for (const Object& pod : server_.all(kube::kPods)) {
    if (controller_of(*pod) == owner_uid) pods.push_back(pod);
  }
  return pods;
}

void Cluster::make_pod(const Json& owner, const std::string& kind) {
  Json pod = owner["spec"]["template"];
  const std::string name = string_or(owner, {"metadata", "name"}, "");
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  pod["metadata"]["namespace"] = owner["metadata"]["namespace"];
  pod["metadata"]["name"] = name + "-" + std::to_string(++last_pod_);
  pod["metadata"]["labels"]["simulation/kind"] = kind;
  pod["metadata"]["labels"]["simulation/owner"] = name;
  pod["metadata"]["annotations"][kTemplate] = owner["spec"]["template"].dump();
  pod["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", owner["apiVersion"]},
                                                     {"kind", kind},
                                                     {"name", name},
                                                     {"uid", uid_of(owner)},
                                                     {"controller", true}}});
  pod["status"]["phase"] = "Pending";
  let_be(server_.create("cluster", kube::kPods, std::move(pod)));
}

// maxSurge 0, maxUnavailable 1; failed pods do not count and are replaced.
void Cluster::sync_deployment(const cache::Key& key) {
  const Object deployment = server_.find(kube::kDeployments, key);
  if (!deployment) return;
  const std::string current = (*deployment)["spec"]["template"].dump();
  const auto wanted = static_cast<size_t>(int_or(*deployment, {"spec", "replicas"}, 1));
  std::vector<Object> live;
  for (const Object& pod : pods_of(uid_of(*deployment))) {
    if (is_live(*pod)) live.push_back(pod);
  }
  const auto is_new = [&](const Object& pod) {
    return string_or(*pod, {"metadata", "annotations", kTemplate}, "") == current;
  };
  std::ranges::sort(live, [&](const Object& a, const Object& b) {
    return std::tuple(is_new(a), is_ready(*a), key_of(*a)) < std::tuple(is_new(b), is_ready(*b), key_of(*b));
  });
  const auto ready =
      static_cast<size_t>(std::ranges::count_if(live, [](const Object& p) { return is_ready(*p); }));
  const auto updated = static_cast<size_t>(std::ranges::count_if(live, is_new));
  if (live.size() > wanted || (updated < live.size() && (ready + 1 > wanted || !is_ready(*live.front())))) {
    let_be(server_.remove("cluster", kube::kPods, key_of(*live.front()), uid_of(*live.front())));
  } else if (live.size() < wanted) {
    make_pod(*deployment, "Deployment");
  }
  server_.change(kube::kDeployments, key, [&](Json& object) {
    object["status"]["observedGeneration"] = object["metadata"]["generation"];
    object["status"]["replicas"] = live.size();
    object["status"]["updatedReplicas"] = updated;
    object["status"]["readyReplicas"] = ready;
  });
}

// backoffLimit 0: a pod that fails ends the Job; one that is taken away is replaced.
void Cluster::sync_job(const cache::Key& key) {
  const Object job = server_.find(kube::kJobs, key);
  if (!job || wan::find(*job, {"status", "conditions"}) || bool_or(*job, {"spec", "suspend"}, false)) return;
  const std::vector<Object> pods = pods_of(uid_of(*job));
  const auto in_phase = [&](const char* phase) {
    return std::ranges::any_of(pods, [&](const Object& pod) { return text(*pod, "phase") == phase; });
  };
  const bool succeeded = in_phase("Succeeded");
  if (succeeded || in_phase("Failed")) {
    server_.change(kube::kJobs, key, [&](Json& object) {
      object["status"][succeeded ? "succeeded" : "failed"] = 1;
      object["status"]["conditions"] = Json::array(
          {succeeded ? condition("Complete", true) : condition("Failed", true, "BackoffLimitExceeded")});
    });
  } else if (pods.empty()) {
    make_pod(*job, "Job");
    server_.change(kube::kJobs, key, [](Json& object) { object["status"]["active"] = 1; });
  }
}

void Cluster::start_pod(const cache::Key& key, const std::string& uid) {
  const Object pod = server_.find(kube::kPods, key);
  if (!pod || uid_of(*pod) != uid || !is_live(*pod)) return;
  server_.change(kube::kPods, key, [&](Json& object) {
    object["status"]["phase"] = "Running";
    object["status"]["podIP"] = "10.1.0." + uid.substr(4);
    if (runtime_container(object) != nullptr) {
      object["status"]["containerStatuses"] = Json::array({container_status(false, 0)});
    }
  });
  if (runtime_container(*pod) == nullptr) return set_ready(key, uid, true);
  run_container(key, uid, is_one_shot(*pod) ? label_of(*pod, api::kLabelOwnerUid) : "");
}

void Cluster::run_container(const cache::Key& key, const std::string& uid, const std::string& only_job) {
  fleet_.start(
      uid, only_job, [this, key, uid] { set_ready(key, uid, true); },
      [this, key, uid](const Json& last) { exit_pod(key, uid, last); });
}

void Cluster::set_ready(const cache::Key& key, const std::string& uid, bool ready) {
  const Object pod = server_.find(kube::kPods, key);
  if (!pod || uid_of(*pod) != uid || !is_live(*pod)) return;
  server_.change(kube::kPods, key, [&](Json& object) {
    object["status"]["conditions"] =
        Json::array({condition("PodScheduled", true), condition("Ready", ready)});
    if (object["status"].contains("containerStatuses")) {
      object["status"]["containerStatuses"][0]["ready"] = ready;
    }
  });
}

void Cluster::exit_pod(const cache::Key& key, const std::string& uid, const Json& last) {
  const Object pod = server_.find(kube::kPods, key);
  if (!pod || uid_of(*pod) != uid || !is_live(*pod)) return;
  fleet_.stop(uid);
  const bool good = string_or(last, {"phase"}, "") == "Succeeded";
  server_.change(kube::kPods, key, [&](Json& object) {
    object["status"]["phase"] = good ? "Succeeded" : "Failed";
    object["status"]["conditions"] = Json::array({condition("Ready", false)});
    Json& container = object["status"]["containerStatuses"][0];
    container["ready"] = false;
    container["state"] = {{"terminated",
                           {{"exitCode", good ? 0 : 1},
                            {"reason", good ? "Completed" : "Error"},
                            {"message", last.dump()},
                            {"finishedAt", format_time(world_.wall())}}}};
  });
}

void Cluster::end_pod(const cache::Key& key, const std::string& uid) {
  const Object pod = server_.find(kube::kPods, key);
  if (!pod || uid_of(*pod) != uid) return;
  fleet_.stop(uid);
  server_.finish_pod(key);
}

Object Cluster::pick_runtime_pod(bool one_shot_too) {
  std::vector<Object> running;
  for (const Object& pod : server_.all(kube::kPods)) {
    if (!is_live(*pod) || text(*pod, "phase") != "Running" || runtime_container(*pod) == nullptr) continue;
    if (one_shot_too || !is_one_shot(*pod)) running.push_back(pod);
  }
  return running.empty() ? nullptr : running[world_.below(running.size())];
}

void Cluster::evict_a_pod() {
  const Object pod = pick_runtime_pod(true);
  if (pod) let_be(server_.remove("cluster", kube::kPods, key_of(*pod), uid_of(*pod)));
}

void Cluster::fail_a_pod() {
  const Object pod = pick_runtime_pod(true);
  if (!pod) return;
  fleet_.stop(uid_of(*pod));
  server_.change(kube::kPods, key_of(*pod), [](Json& object) {
    object["status"]["phase"] = "Failed";
    object["status"]["reason"] = "Evicted";
    object["status"]["conditions"] = Json::array({condition("Ready", false)});
  });
}

void Cluster::restart_a_pod() {
  const Object pod = pick_runtime_pod(false);
  if (!pod) return;
  const cache::Key key = key_of(*pod);
  const std::string uid = uid_of(*pod);
  fleet_.stop(uid);
  server_.change(kube::kPods, key, [&](Json& object) {
    Json& container = object["status"]["containerStatuses"][0];
    const int64_t restarts = int_or(container, {"restartCount"}, 0) + 1;
    container = container_status(false, static_cast<int>(restarts));
    container["lastState"] = {
        {"terminated",
         {{"exitCode", 137}, {"reason", "OOMKilled"}, {"finishedAt", format_time(world_.wall())}}}};
    object["status"]["conditions"] = Json::array({condition("Ready", false)});
  });
  run_container(key, uid, "");
}

}  // namespace wan::simulation
