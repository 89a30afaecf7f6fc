#pragma once
// The control plane as a load generator sees it: many writes at a time, and what a watch tells.

#include <functional>
#include <memory>
#include <vector>

#include "base/async/task_group.h"
#include "operator/kube/client.h"

namespace wan::bench {

inline constexpr kube::Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr kube::Resource kVolumes{"", "v1", "persistentvolumes", "PersistentVolume", false};
inline constexpr kube::Resource kClaims{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"};
inline constexpr kube::Resource kNodes{"", "v1", "nodes", "Node", false};

// As many clients as `width` writes at a time need, so that none waits for a new connection.
class Clients {
 public:
  Clients(asio::any_io_executor executor, const kube::Config& config, const Clock& clock, int width);
  [[nodiscard]] kube::Api& at(int index) const {
    return *clients_[static_cast<size_t>(index) % clients_.size()];
  }
  [[nodiscard]] int width() const { return width_; }

 private:
  std::vector<std::unique_ptr<kube::Client>> clients_;
  int width_;
};

// Calls `work(api, i)` for 0..count-1, `clients.width()` of them at a time; the first Error ends it.
using Work = std::function<Task<Status>(kube::Api&, size_t)>;
[[nodiscard]] Task<Status> in_parallel(Clients& clients, size_t count, Work work);

[[nodiscard]] Task<Status> create_all(Clients& clients, kube::Resource resource, std::vector<Json> objects);
// Those of the namespace that `chosen` says; returns when they are gone.
using Choice = std::function<bool(const Json&)>;
[[nodiscard]] Task<Status> remove_all(Clients& clients, kube::Resource resource, std::string namespace_,
                                      Choice chosen);
[[nodiscard]] Task<Result<std::vector<Json>>> list_all(kube::Api& api, kube::Resource resource,
                                                       std::string namespace_);

// Tells every event of a resource, from those that make up what exists, until it is cancelled.
using Seen = std::function<void(const kube::WatchEvent&)>;
[[nodiscard]] Task<void> follow(kube::Api* api, kube::Resource resource, std::string namespace_,
                                std::string label_selector, Seen seen);

// Asks `is_so` until it is true; an Error that names `what` after `limit`.
[[nodiscard]] Task<Status> wait_until(std::string what, std::chrono::seconds limit,
                                      std::function<bool()> is_so);

}  // namespace wan::bench
