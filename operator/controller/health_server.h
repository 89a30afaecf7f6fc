#pragma once
// GET /healthz: the process answers. GET /readyz: it has what it needs; otherwise 503 and the reasons.

#include <functional>
#include <string>

#include "base/net/server.h"

namespace wan::controller {

class HealthServer {
 public:
  // `not_ready` returns why the process is not ready, "" if it is.
  HealthServer(asio::any_io_executor executor, net::ServerSettings settings,
               std::function<std::string()> not_ready);
  [[nodiscard]] Status start();
  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] Task<void> stop();

 private:
  net::Server server_;
};

}  // namespace wan::controller
