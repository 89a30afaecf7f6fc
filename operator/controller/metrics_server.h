#pragma once
// GET /metrics: the numbers of the process for Prometheus. Nothing but numbers and names of our own; whoever
// reaches the port may read them, so it is loopback's, or a NetworkPolicy's.

#include "base/metrics/registry.h"
#include "base/net/server.h"

namespace wan::controller {

class MetricsServer {
 public:
  MetricsServer(asio::any_io_executor executor, net::ServerSettings settings,
                const metrics::Registry& registry);
  [[nodiscard]] Status start() { return server_.start(); }
  [[nodiscard]] uint16_t port() const { return server_.port(); }
  [[nodiscard]] Task<void> stop() { return server_.stop(std::chrono::milliseconds(1'000)); }

 private:
  net::Server server_;
};

}  // namespace wan::controller
