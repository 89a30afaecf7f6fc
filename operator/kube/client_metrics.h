#pragma once
// The requests of a client as client-go's dashboards expect them: rest_client_*.

#include <chrono>
#include <string>

#include "base/metrics/registry.h"

namespace wan::kube {

class ClientMetrics {
 public:
  // `host`: "10.96.0.1:443"
  ClientMetrics(metrics::Registry& registry, std::string host)
      : registry_(registry), host_(std::move(host)) {}

  // A request was answered with this status code, or not at all (0).
  void answered(const std::string& method, unsigned code, std::chrono::steady_clock::duration took);
  // The opening of a watch: counted, but how long it takes is no measure of the server.
  void opened(const std::string& method, unsigned code);
  // The request is sent again because of this answer.
  void retried(const std::string& method, unsigned code);

 private:
  metrics::Registry& registry_;
  std::string host_;
};

}  // namespace wan::kube
