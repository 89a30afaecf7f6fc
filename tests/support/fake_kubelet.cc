#include "tests/support/fake_kubelet.h"

#include <set>
#include <utility>

#include "base/log.h"

namespace wan::testing {
namespace {

const Json* runtime_container(const Json& pod) {
  const Json* containers = find(pod, {"spec", "containers"});
  if (containers == nullptr) return nullptr;
  for (const Json& container : *containers) {
    if (string_or(container, {"name"}, "") == "runtime") return &container;
  }
  return nullptr;
}

std::string environment(const Json& container, const std::string& name) {
  const Json* variables = find(container, {"env"});
  if (variables == nullptr) return "";
  for (const Json& variable : *variables) {
    if (string_or(variable, {"name"}, "") == name) return string_or(variable, {"value"}, "");
  }
  return "";
}

Json running_status(const Json& pod, const std::string& address) {
  Json made = Json::object();
  made["apiVersion"] = "v1";
  made["kind"] = "Pod";
  for (const char* field : {"name", "namespace", "uid"}) made["metadata"][field] = pod["metadata"][field];
  Json& status = made["status"];
  status["phase"] = "Running";
  status["podIP"] = address;
  status["podIPs"] = Json::array({Json::object({{"ip", address}})});
  status["conditions"] = Json::array();
  for (const char* type : {"PodScheduled", "Initialized", "ContainersReady", "Ready"}) {
    Json condition = Json::object();
    condition["type"] = type;
    condition["status"] = "True";
    status["conditions"].push_back(condition);
  }
  status["containerStatuses"] = Json::array();
  for (const Json& container : pod["spec"]["containers"]) {
    Json one = Json::object();
    one["name"] = container["name"];
    one["image"] = container["image"];
    one["imageID"] = "";
    one["ready"] = true;
    one["started"] = true;
    one["restartCount"] = 0;
    one["state"]["running"]["startedAt"] = "2026-01-01T00:00:00Z";
    status["containerStatuses"].push_back(one);
  }
  return made;
}

}  // namespace

FakeKubelet::FakeKubelet(asio::any_io_executor executor, kube::Api& api, std::string namespace_,
                         uint16_t port)
    : executor_(executor),
      api_(api),
      namespace_(std::move(namespace_)),
      port_(port),
      tasks_(std::move(executor)) {}

void FakeKubelet::start() { tasks_.spawn("fake kubelet", run()); }

Task<void> FakeKubelet::stop() {
  tasks_.cancel();
  co_await tasks_.join();
  for (auto& [uid, runtime] : runtimes_) co_await runtime->stop();
  runtimes_.clear();
}

Task<void> FakeKubelet::run() {
  for (;;) {
    const Status looked = co_await look();
    if (!looked) {
      if (looked.error().code == ErrorCode::kCancelled) co_return;
      log::warn("fake kubelet: {}", looked.error().message);
    }
    const Status waited = co_await sleep_for(std::chrono::milliseconds(20));
    if (!waited) co_return;
  }
}

Task<Status> FakeKubelet::look() {
  kube::ListOptions options;
  options.namespace_ = namespace_;
  WAN_CO_TRY(kube::ListPage page, co_await api_.list(kube::kPods, std::move(options)));
  std::set<std::string> present;
  for (Json& pod : page.items) {
    const std::string uid = string_or(pod, {"metadata", "uid"}, "");
    present.insert(uid);
    if (started_.contains(uid) || find(pod, {"metadata", "deletionTimestamp"}) != nullptr) continue;
    WAN_CO_TRY_VOID(co_await start_pod(std::move(pod)));
  }
  for (auto it = started_.begin(); it != started_.end();) {
    const std::string uid = it->first;
    it = present.contains(uid) ? std::next(it) : started_.erase(it);
    if (present.contains(uid) || !runtimes_.contains(uid)) continue;
    const std::unique_ptr<FakeRuntime> gone = std::move(runtimes_[uid]);
    runtimes_.erase(uid);
    co_await gone->stop();
  }
  co_return Status();
}

Task<Status> FakeKubelet::start_pod(Json pod) {
  const std::string uid = string_or(pod, {"metadata", "uid"}, "");
  const std::string address = "127.9.0." + std::to_string(next_address_++);
  started_[uid] = address;
  if (const Json* container = runtime_container(pod)) {
    auto runtime = std::make_unique<FakeRuntime>(executor_, address, port_, uid,
                                                 environment(*container, "WAN_CAPABILITY_PUBLIC_KEY"));
    runtime->run_jobs_by_itself(runs_by_itself_);
    runtime->resolve_with(resolver_);
    WAN_CO_TRY_VOID(runtime->start());
    runtimes_[uid] = std::move(runtime);
  }
  WAN_CO_TRY_VOID(co_await api_.apply(kube::kPods, running_status(pod, address), "fake-kubelet", "status"));
  co_return Status();
}

}  // namespace wan::testing
