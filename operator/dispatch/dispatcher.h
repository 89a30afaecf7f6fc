#pragma once
// One link per runtime pod that can be talked to, made and ended as pods come and go in the cache.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/async/task_group.h"
#include "operator/api/pod.h"
#include "operator/dispatch/pod_link.h"
#include "operator/dispatch/runtimes.h"

namespace wan::dispatch {

struct DispatcherSettings {
  uint16_t port = 8080;
  LinkSettings link;
};

// Which pod a change is about; the labels say whose it is.
struct PodRef {
  std::string namespace_;
  std::string name;
  std::string uid;
  std::string owner_uid;  // of the WanDeployment or VideoJob
};

class Dispatcher final : public Runtimes {
 public:
  using Listener = std::function<void(const PodRef&, const Change&)>;

  Dispatcher(asio::any_io_executor executor, const CapabilityIssuer& issuer, DispatcherSettings settings,
             Listener listener);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  void start() override { active_ = true; }
  void pod_changed(const api::Pod* before, const api::Pod* after) override;
  // Ends all links; the views are gone with them.
  [[nodiscard]] Task<void> stop();

  [[nodiscard]] const api::RuntimeView* view(const std::string& pod_uid) const override;
  [[nodiscard]] Task<Status> put_job(std::string pod_uid, std::string job_uid, int attempt,
                                     Json body) override;
  [[nodiscard]] Task<Status> cancel_job(std::string pod_uid, std::string job_uid, int attempt) override;
  [[nodiscard]] Task<Status> delete_artifact(std::string url, std::string audience, std::string path,
                                             std::string sha256, std::string job_uid) override;
  [[nodiscard]] Task<Result<JobResolution>> resolve_job(std::string pod_uid, std::string job_uid, int attempt,
                                                        Json body) override;
  [[nodiscard]] Task<Status> copy_artifact(std::string url, std::string audience, std::string path,
                                           std::string sha256, std::string job_uid) override;
  [[nodiscard]] Task<Result<std::string>> take_in(api::BlobRef blob, std::string job_uid) override;
  void forget_job(const std::string& pod_uid, const std::string& job_uid) override;

 private:
  struct Entry {
    Entry(asio::any_io_executor executor, PodRef pod, net::Url url, const CapabilityIssuer& issuer,
          const LinkSettings& settings, const Listener& listener);
    PodRef ref;
    std::string ip;
    bool fetches = false;  // its weights: nothing else can be asked yet
    PodLink link;
    TaskGroup tasks;  // last
  };
  void connect(const api::Pod& pod);
  void disconnect(const std::string& pod_uid);

  asio::any_io_executor executor_;
  const CapabilityIssuer& issuer_;
  DispatcherSettings settings_;
  Listener listener_;
  bool active_ = false;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  // by pod UID
  TaskGroup endings_;                                      // last
};

// True if the pod is a runtime pod whose process can be asked: labelled, with an address, its runtime
// container running.
[[nodiscard]] bool can_be_asked(const api::Pod& pod);
// The same, but it is the init container that runs.
[[nodiscard]] bool fetches_weights(const api::Pod& pod);

}  // namespace wan::dispatch
