#include "tests/bench/operator/runtime_host.h"

#include "base/log.h"
#include "operator/api/identifiers.h"
#include "tests/bench/operator/plane.h"

namespace wan::bench {
namespace {

// A job's four steps together.
constexpr std::chrono::milliseconds kStep{2};

std::string public_key_in(const Json& pod) {
  const Json* containers = find(pod, {"spec", "containers"});
  if (containers == nullptr) return "";
  for (const Json& container : *containers) {
    for (const Json& variable : container.value("env", Json::array())) {
      if (string_or(variable, {"name"}, "") == "WAN_CAPABILITY_PUBLIC_KEY") {
        return string_or(variable, {"value"}, "");
      }
    }
  }
  return "";
}

}  // namespace

RuntimeHost::RuntimeHost(asio::any_io_executor executor, kube::Api& api, uint16_t port)
    : executor_(executor), api_(api), port_(port), tasks_(executor) {}

void RuntimeHost::start() {
  const std::string ours = std::string(api::kLabelManagedBy) + "=" + api::kManagedBy;
  tasks_.spawn("runtime pods",
               follow(&api_, kube::kPods, "", ours, [this](const auto& event) { on_pod(event); }));
}

void RuntimeHost::on_pod(const kube::WatchEvent& event) {
  const std::string uid = string_or(event.object, {"metadata", "uid"}, "");
  const auto known = runtimes_.find(uid);
  if (event.type == kube::WatchEventType::kDeleted) {
    if (known == runtimes_.end()) return;
    known->second->break_streams();
    gone_.push_back(std::move(known->second));
    runtimes_.erase(known);
    return;
  }
  const std::string address = string_or(event.object, {"status", "podIP"}, "");
  const std::string key = public_key_in(event.object);
  if (known != runtimes_.end() || address.empty() || key.empty()) return;
  auto runtime = std::make_unique<testing::FakeRuntime>(executor_, address, port_, uid, key);
  runtime->run_jobs_by_itself(true, kStep);
  if (const Status started = runtime->start(); !started) {
    log::error("fake runtime at {}: {}", address, started.error().message);
    return;
  }
  runtimes_.emplace(uid, std::move(runtime));
}

Task<void> RuntimeHost::stop() {
  tasks_.cancel();
  co_await tasks_.join();
  for (auto& [uid, runtime] : runtimes_) co_await runtime->stop();
  for (auto& runtime : gone_) co_await runtime->stop();
  runtimes_.clear();
  gone_.clear();
}

}  // namespace wan::bench
