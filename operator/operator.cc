#include "operator/operator.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <fmt/ranges.h>
#include <optional>
#include <random>
#include <unistd.h>
#include <utility>

#include "base/async/signals.h"
#include "base/crypto/hmac.h"
#include "base/log.h"
#include "operator/cache/backoff.h"
#include "operator/controller/event_recorder.h"
#include "operator/controller/health_server.h"
#include "operator/controller/leader_election.h"
#include "operator/controller/metrics_server.h"
#include "operator/execute/reconcilers.h"
#include "operator/kube/api_error.h"
#include "operator/kube/client.h"
#include "operator/operator_key.h"

namespace wan {
namespace {

constexpr auto kForever = std::chrono::hours(24 * 365);

std::string host_name() {
  if (const char* pod = std::getenv("POD_NAME"); pod != nullptr && *pod != '\0') return pod;
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "unknown";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "all namespaces" : text;
}

// "0.0.0.0:8081", "[::]:8081"
Result<net::ServerSettings> listen_settings(const std::string& flag, const std::string& text) {
  const size_t colon = text.rfind(':');
  net::ServerSettings settings;
  unsigned port = 65536;
  if (colon != std::string::npos) {
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    settings.address = text.substr(0, colon);
  }
  if (settings.address.starts_with('[') && settings.address.ends_with(']')) {
    settings.address = settings.address.substr(1, settings.address.size() - 2);
  }
  if (port > 65535 || settings.address.empty()) {
    return fail(invalid_argument(flag + " is \"" + text + "\"; it must be ADDRESS:PORT"));
  }
  settings.port = static_cast<uint16_t>(port);
  settings.max_connections = 64;
  return settings;
}

struct Listeners {
  net::ServerSettings health;
  std::optional<net::ServerSettings> metrics;
};

Result<Listeners> listeners(const OperatorOptions& options) {
  Listeners made;
  WAN_TRY(made.health, listen_settings("--health-listen", options.health_listen));
  if (options.metrics_listen == "0") return made;
  WAN_TRY(made.metrics, listen_settings("--metrics-listen", options.metrics_listen));
  return made;
}

kube::ClientSettings api_client(metrics::Registry& metrics) {
  kube::ClientSettings settings;
  settings.metrics = &metrics;
  return settings;
}

kube::ClientSettings election_client(const controller::ElectionSettings& election,
                                     metrics::Registry& metrics) {
  kube::ClientSettings settings = api_client(metrics);
  settings.request_timeout = controller::request_timeout(election);
  return settings;
}

// What needs the operator key, and so exists only once that is known.
struct Work {
  Work(asio::any_io_executor executor, kube::Api& api, const Clock& clock, execute::Caches& caches,
       controller::EventRecorder& events, const OperatorKey& key, const OperatorOptions& options,
       metrics::Registry& metrics)
      : issuer(key.capability_seed, clock),
        runtimes(executor, issuer, dispatcher_settings(options),
                 [this](const dispatch::PodRef& pod, const dispatch::Change& change) {
                   reconcilers.runtime_changed(pod, change);
                 }),
        gate(clock),
        steps(api, caches, runtimes, issuer, events, gate, clock),
        reconcilers(executor, api, clock, caches, runtimes, steps, gate, reconcile_settings(key, options),
                    &metrics) {}

  static dispatch::DispatcherSettings dispatcher_settings(const OperatorOptions& options) {
    dispatch::DispatcherSettings settings;
    settings.port = options.runtime_port;
    return settings;
  }
  static reconcile::Settings reconcile_settings(const OperatorKey& key, const OperatorOptions& options) {
    reconcile::Settings settings;
    settings.operator_namespace = options.operator_namespace;
    settings.runtime_image = options.runtime_image;
    settings.capability_public_key = key.capability_public_key;
    settings.token_key = key.token_key;
    settings.lost_after = options.lost_after;
    settings.picture_networks = fmt::format("{}", fmt::join(options.picture_networks, ","));
    return settings;
  }

  dispatch::CapabilityIssuer issuer;
  dispatch::Dispatcher runtimes;
  execute::WriteGate gate;
  execute::Executor steps;
  execute::Reconcilers reconcilers;
};

class Operator {
 public:
  Operator(asio::any_io_executor executor, const kube::Config& config, Listeners listeners,
           OperatorOptions options);
  [[nodiscard]] Task<int> run();

 private:
  [[nodiscard]] Status start_servers();
  [[nodiscard]] Task<void> stop_servers();
  [[nodiscard]] Task<void> watch_signals();
  [[nodiscard]] Task<void> lead();
  [[nodiscard]] Task<Status> prepare();
  [[nodiscard]] Task<Result<OperatorKey>> wait_for_key();
  [[nodiscard]] Task<Status> wait_for_caches();
  [[nodiscard]] Task<void> shut_down();
  void end(int exit_code);
  [[nodiscard]] std::string not_ready() const;

  asio::any_io_executor executor_;
  OperatorOptions options_;
  SystemClock clock_;
  metrics::Registry metrics_;
  kube::Client api_;
  kube::Client election_api_;
  controller::LeaderElection election_;
  controller::EventRecorder events_;
  controller::HealthServer health_;
  std::optional<controller::MetricsServer> metrics_server_;
  execute::Caches caches_;
  Notify cache_step_;
  execute::CacheFeeder feeder_;
  std::optional<Work> work_;
  std::string waits_for_ = "starting";
  std::optional<int> exit_code_;
  Notify ended_;
  TaskGroup working_;  // the reconcilers
  TaskGroup tasks_;    // last: everything else
};

Operator::Operator(asio::any_io_executor executor, const kube::Config& config, Listeners listeners,
                   OperatorOptions options)
    : executor_(executor),
      options_(std::move(options)),
      api_(executor, config, clock_, api_client(metrics_)),
      election_api_(executor, config, clock_, election_client(options_.election, metrics_)),
      election_(election_api_, clock_, options_.election),
      events_(executor, api_, clock_, host_name()),
      health_(executor, std::move(listeners.health), [this] { return not_ready(); }),
      cache_step_(executor),
      feeder_(
          executor, api_, clock_, caches_, options_.namespaces, [this] { cache_step_.notify(); },
          std::random_device{}(), cache::WatchMachine::FirstRead::kWatch, options_.operator_namespace),
      ended_(executor),
      working_(executor),
      tasks_(executor) {
  if (listeners.metrics) metrics_server_.emplace(executor, *std::move(listeners.metrics), metrics_);
  metrics::add_process_metrics(metrics_);
  metrics::Gauge& leads =
      metrics_.gauge("leader_election_master_status", "Whether this process holds the Lease",
                     {{"name", options_.election.name}});
  metrics_.before_text([this, &leads] { leads.Set(election_.leading() ? 1 : 0); });
}

// Without its numbers the operator works as well.
Status Operator::start_servers() {
  WAN_TRY_VOID(health_.start());
  if (!metrics_server_) return Status();
  if (const Status started = metrics_server_->start(); !started) {
    log::warn("/metrics is not served: {} (--metrics-listen)", started.error().message);
  } else {
    log::info("/metrics is served on port {}", metrics_server_->port());
  }
  return Status();
}

Task<int> Operator::run() {
  if (const Status started = start_servers(); !started) {
    log::error("{}", started.error().message);
    co_return 2;
  }
  tasks_.spawn("signals", watch_signals());
  tasks_.spawn("events", events_.run());
  tasks_.spawn("leader", lead());
  while (!exit_code_) {
    const auto woken = co_await ended_.wait(kForever);
    if (!woken) break;
  }
  co_await shut_down();
  co_return exit_code_.value_or(0);
}

Task<void> Operator::stop_servers() {
  if (metrics_server_) co_await metrics_server_->stop();
  co_await health_.stop();
}

void Operator::end(int exit_code) {
  if (!exit_code_) exit_code_ = exit_code;
  ended_.notify();
}

Task<void> Operator::watch_signals() {
  const auto signal = co_await wait_for_termination();
  if (!signal) co_return;
  log::info("signal {}: ending", *signal);
  end(0);
}

std::string Operator::not_ready() const {
  // A replica that waits for leadership is ready: its caches are warm.
  return waits_for_;
}

Task<Result<OperatorKey>> Operator::wait_for_key() {
  cache::Backoff backoff;
  for (std::string reported;;) {
    auto key = co_await load_operator_key(api_, options_.operator_namespace);
    if (key || key.error().code == ErrorCode::kCancelled) co_return key;
    waits_for_ = "the operator key: " + key.error().message;
    if (reported != waits_for_) log::warn("waiting for {}", waits_for_);
    reported = waits_for_;
    WAN_CO_TRY_VOID(co_await sleep_for(backoff.next(clock_.steady(), 0.5)));
  }
}

Task<Status> Operator::wait_for_caches() {
  while (!caches_.synced()) {
    const std::string troubles = feeder_.troubles();
    waits_for_ = troubles.empty() ? "the first lists of the caches" : troubles;
    WAN_CO_TRY_VOID(co_await cache_step_.wait(kForever));
  }
  waits_for_.clear();
  log::info("caches are filled: {} models, {} deployments, {} jobs, {} pods", caches_.models.all().size(),
            caches_.wan_deployments.all().size(), caches_.video_jobs.all().size(), caches_.pods.all().size());
  co_return Status();
}

Task<Status> Operator::prepare() {
  WAN_CO_TRY(const OperatorKey key, co_await wait_for_key());
  work_.emplace(executor_, api_, clock_, caches_, events_, key, options_, metrics_);
  feeder_.start();
  WAN_CO_TRY_VOID(co_await wait_for_caches());
  co_return co_await election_.acquire();
}

Task<void> Operator::lead() {
  const Status prepared = co_await prepare();
  if (!prepared || exit_code_) co_return;
  work_->issuer.set_epoch(election_.epoch(), [this] { return election_.lease_is_valid(); });
  working_.spawn("reconcilers", work_->reconcilers.run());
  const Error lost = co_await election_.hold();
  if (lost.code == ErrorCode::kCancelled) co_return;
  log::error("leadership is lost: {}; ending at once", lost.message);
  work_->reconcilers.cancel();
  end(1);
}

Task<void> Operator::shut_down() {
  // The renewal goes on while running reconciles end; then the Lease is given back.
  if (work_) {
    work_->reconcilers.stop();
    asio::steady_timer limit(executor_, options_.shutdown_grace);
    execute::Reconcilers& reconcilers = work_->reconcilers;
    limit.async_wait([&reconcilers](const boost::system::error_code& error) {
      if (!error) reconcilers.cancel();
    });
    co_await working_.join();
    limit.cancel();
    co_await work_->runtimes.stop();
  }
  tasks_.cancel();
  co_await tasks_.join();
  co_await election_.release();
  co_await feeder_.stop();
  co_await stop_servers();
  log::info("ended");
}

}  // namespace

int run_operator(const OperatorOptions& options) {
  auto config = kube::load_config(options.kubeconfig, options.context);
  if (!config) {
    log::error("{}", config.error().message);
    return 2;
  }
  auto listening = listeners(options);
  if (!listening) {
    log::error("{}", listening.error().message);
    return 2;
  }
  OperatorOptions completed = options;
  completed.election.namespace_ = options.operator_namespace;
  if (completed.election.identity.empty()) {
    completed.election.identity = host_name() + "_" + base64url_encode(random_bytes(6));
  }
  log::info("wan-operator {} for {} at {}://{}, runtime image {}", WAN_VERSION, joined(options.namespaces),
            config->server.scheme, net::authority(config->server), options.runtime_image);
  asio::io_context context(1);
  Operator process(context.get_executor(), *config, *std::move(listening), std::move(completed));
  int exit_code = 2;
  asio::co_spawn(context, process.run(), [&exit_code](const std::exception_ptr& thrown, int code) {
    WAN_CHECK(!thrown);
    exit_code = code;
  });
  context.run();
  return exit_code;
}

}  // namespace wan
