#include "tests/bench/operator/plane.h"

#include <algorithm>

#include "operator/kube/api_error.h"

namespace wan::bench {
namespace {

constexpr int kPerClient = 8;  // the connections that a client keeps

struct Share {
  size_t count = 0;
  Work work;
  size_t next = 0;
  Status status;
};

Task<void> worker(kube::Api* api, std::shared_ptr<Share> share) {
  while (share->next < share->count && share->status) {
    const size_t mine = share->next++;
    Status done = co_await share->work(*api, mine);
    if (!done && share->status) share->status = std::move(done);
  }
}

}  // namespace

Clients::Clients(asio::any_io_executor executor, const kube::Config& config, const Clock& clock, int width)
    : width_(width) {
  for (int i = 0; i < width; i += kPerClient) {
    clients_.push_back(std::make_unique<kube::Client>(executor, config, clock));
  }
}

Task<Status> in_parallel(Clients& clients, size_t count, Work work) {
  const auto share = std::make_shared<Share>(Share{count, std::move(work), 0, Status()});
  TaskGroup tasks(co_await asio::this_coro::executor);
  for (int i = 0; i < clients.width(); ++i) tasks.spawn("worker", worker(&clients.at(i), share));
  co_await tasks.join();
  co_return share->status;
}

Task<Status> create_all(Clients& clients, kube::Resource resource, std::vector<Json> objects) {
  const Work create = [&](kube::Api& api, size_t i) -> Task<Status> {
    const auto made = co_await api.create(resource, std::move(objects[i]));
    co_return made ? Status() : Status(fail(made.error()));
  };
  co_return co_await in_parallel(clients, objects.size(), create);
}

Task<Result<std::vector<Json>>> list_all(kube::Api& api, kube::Resource resource, std::string namespace_) {
  std::vector<Json> all;
  kube::ListOptions options;
  options.namespace_ = namespace_;
  for (;;) {
    WAN_CO_TRY(kube::ListPage page, co_await api.list(resource, options));
    std::ranges::move(page.items, std::back_inserter(all));
    if (page.continue_token.empty()) co_return all;
    options.continue_token = page.continue_token;
  }
}

Task<Status> remove_all(Clients& clients, kube::Resource resource, std::string namespace_, Choice chosen) {
  for (;;) {
    WAN_CO_TRY(std::vector<Json> all, co_await list_all(clients.at(0), resource, namespace_));
    std::erase_if(all, [&](const Json& object) { return !chosen(object); });
    if (all.empty()) co_return Status();
    const Work remove = [&](kube::Api& api, size_t i) -> Task<Status> {
      kube::DeleteOptions options;
      options.uid = string_or(all[i], {"metadata", "uid"}, "");
      std::string name = string_or(all[i], {"metadata", "name"}, "");
      std::string where = string_or(all[i], {"metadata", "namespace"}, "");
      const Status removed =
          co_await api.remove(resource, std::move(where), std::move(name), std::move(options));
      co_return removed || kube::is_not_found(removed.error()) ? Status() : removed;
    };
    WAN_CO_TRY_VOID(co_await in_parallel(clients, all.size(), remove));
  }
}

Task<void> follow(kube::Api* api, kube::Resource resource, std::string namespace_, std::string label_selector,
                  Seen seen) {
  for (;;) {
    kube::WatchOptions options;
    options.namespace_ = namespace_;
    options.label_selector = label_selector;
    options.initial_events = true;
    options.timeout = std::chrono::hours(1);
    auto stream = co_await api->watch(resource, std::move(options));
    while (stream) {
      const auto events = co_await (*stream)->read();
      if (!events && events.error().code == ErrorCode::kCancelled) co_return;
      if (!events || events->empty()) break;
      for (const kube::WatchEvent& event : *events) seen(event);
    }
    const Status waited = co_await sleep_for(std::chrono::milliseconds(100));
    if (!waited) co_return;
  }
}

Task<Status> wait_until(std::string what, std::chrono::seconds limit, std::function<bool()> is_so) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) {
      co_return fail(Error{ErrorCode::kDeadlineExceeded,
                           what + ": not so after " + std::to_string(limit.count()) + " s"});
    }
    WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(5)));
  }
  co_return Status();
}

}  // namespace wan::bench
