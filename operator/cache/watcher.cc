#include "operator/cache/watcher.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "operator/kube/api_error.h"

namespace wan::cache {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

template <class T>
Outcome to_outcome(Result<T> result) {
  if (!result) return std::move(result).error();
  return Listed{*std::move(result)};
}

}  // namespace

Watcher::Watcher(kube::Api& api, const Clock& clock, WatcherSettings settings, Sink& sink,
                 std::function<void()> changed)
    : api_(api),
      clock_(clock),
      settings_(std::move(settings)),
      sink_(sink),
      changed_(std::move(changed)),
      machine_(settings_.backoff, settings_.first_read),
      engine_(settings_.jitter_seed) {}

Task<void> Watcher::run() {
  for (;;) {
    Outcome outcome = co_await perform(machine_.request());
    if (const auto* error = std::get_if<Error>(&outcome); error && error->code == ErrorCode::kCancelled) {
      co_return;
    }
    std::vector<Event> events = machine_.step(std::move(outcome), clock_.steady(), random());
    if (!std::holds_alternative<DoRead>(machine_.request())) stream_.reset();
    for (Event& event : events) sink_.handle(std::move(event));
    report();
    changed_();
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  }
}

Task<Outcome> Watcher::perform(Request request) {
  if (auto* list = std::get_if<DoList>(&request)) {
    kube::ListOptions options;
    options.namespace_ = settings_.namespace_;
    options.label_selector = settings_.label_selector;
    options.continue_token = list->continue_token;
    options.managed_fields = settings_.managed_fields;
    co_return to_outcome(co_await api_.list(settings_.resource, std::move(options)));
  }
  if (auto* watch = std::get_if<DoWatch>(&request)) co_return co_await open_watch(std::move(*watch));
  if (auto* wait = std::get_if<DoWait>(&request)) {
    const Status waited = co_await sleep_for(wait->duration);
    if (!waited) co_return waited.error();
    co_return Waited();
  }
  co_return co_await read_watch();
}

Task<Outcome> Watcher::open_watch(DoWatch wanted) {
  kube::WatchOptions options;
  options.namespace_ = settings_.namespace_;
  options.label_selector = settings_.label_selector;
  options.resource_version = std::move(wanted.resource_version);
  options.initial_events = wanted.initial_events;
  options.managed_fields = settings_.managed_fields;
  const auto spread = settings_.watch_at_most - settings_.watch_at_least;
  options.timeout =
      settings_.watch_at_least +
      std::chrono::seconds(static_cast<int64_t>(random() * static_cast<double>(spread.count())));
  auto stream = co_await api_.watch(settings_.resource, std::move(options));
  if (!stream) co_return stream.error();
  stream_ = std::move(*stream);
  co_return WatchOpened();
}

Task<Outcome> Watcher::read_watch() {
  auto events = co_await stream_->read();
  if (!events) co_return events.error();
  co_return WatchRead{*std::move(events)};
}

double Watcher::random() { return std::uniform_real_distribution<double>(0.0, 1.0)(engine_); }

std::string Watcher::trouble() const {
  const Error* error = machine_.trouble();
  if (error == nullptr) return "";
  const std::string name = kube::qualified_name(settings_.resource);
  if (kube::is_not_found(*error)) {
    return "the API server does not serve " + name + " (" + kube::api_version(settings_.resource) +
           "): install the CRDs with `wan-operator crds | kubectl apply -f -`";
  }
  if (kube::is_forbidden(*error)) {
    return "the operator's account may not list and watch " + name + ": grant it get, list and watch (" +
           error->message + ")";
  }
  return error->message;
}

void Watcher::report() {
  const std::string now = trouble();
  if (now == reported_) return;
  if (now.empty()) {
    log::info("{}: works again", kube::qualified_name(settings_.resource));
  } else {
    log::warn("{}; trying again", now);
  }
  reported_ = now;
}

}  // namespace wan::cache
