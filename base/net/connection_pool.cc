#include "base/net/connection_pool_impl.h"

namespace wan::net {

ConnectionPool::ConnectionPool(Url origin, TlsClientSettings tls, const ClientSettings& settings)
    : origin_(std::move(origin)), settings_(settings), tls_(std::move(tls)) {}

std::unique_ptr<Connection> ConnectionPool::take_idle() {
  const SteadyTime oldest = std::chrono::steady_clock::now() - settings_.idle_timeout;
  std::erase_if(idle_,
                [&](const auto& each) { return each->idle_since < oldest || !each->transport->is_quiet(); });
  if (idle_.empty()) return nullptr;
  auto taken = std::move(idle_.back());
  idle_.pop_back();
  return taken;
}

Result<std::shared_ptr<TlsContext>> ConnectionPool::tls_context() {
  if (origin_.scheme != "https") return nullptr;
  if (!tls_context_) {
    WAN_TRY(tls_context_, make_tls_context(tls_));
  }
  return tls_context_;
}

Task<Result<std::unique_ptr<Connection>>> ConnectionPool::connect(Patience patience) {
  auto connection = std::make_unique<Connection>();
  connection->tls_generation = tls_generation_;
  WAN_CO_TRY(std::shared_ptr<TlsContext> tls, tls_context());
  const Patience limited = patience.at_most(settings_.connect_timeout);
  Result<std::unique_ptr<Transport>> transport =
      co_await net::connect(origin_, settings_.proxy, std::move(tls), settings_.allows_address, limited);
  if (!transport) {
    const std::string through = settings_.proxy ? " through the proxy " + authority(*settings_.proxy) : "";
    co_return fail(transport.error().with_context("connect to " + authority(origin_) + through));
  }
  connection->transport = *std::move(transport);
  co_return connection;
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  if (connection->tls_generation != tls_generation_ || settings_.max_idle_connections == 0) return;
  if (!connection->buffer.unused().empty()) return;  // bytes that nobody asked for
  if (idle_.size() >= settings_.max_idle_connections) idle_.erase(idle_.begin());
  connection->idle_since = std::chrono::steady_clock::now();
  idle_.push_back(std::move(connection));
}

void ConnectionPool::drop_idle() { idle_.clear(); }

void ConnectionPool::set_tls(TlsClientSettings tls) {
  tls_ = std::move(tls);
  tls_context_.reset();
  ++tls_generation_;
  drop_idle();
}

}  // namespace wan::net
