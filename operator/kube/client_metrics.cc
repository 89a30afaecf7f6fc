#include "operator/kube/client_metrics.h"

namespace wan::kube {
namespace {

// As client-go names a request without an answer.
std::string code_label(unsigned code) { return code == 0 ? "<error>" : std::to_string(code); }

const std::vector<double> kSeconds{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60};

}  // namespace

void ClientMetrics::answered(const std::string& method, unsigned code,
                             std::chrono::steady_clock::duration took) {
  opened(method, code);
  registry_
      .histogram("rest_client_request_duration_seconds", "How long requests to the API server took",
                 {{"verb", method}, {"host", host_}}, kSeconds)
      .Observe(std::chrono::duration<double>(took).count());
}

void ClientMetrics::opened(const std::string& method, unsigned code) {
  registry_
      .counter("rest_client_requests_total", "Requests to the API server",
               {{"code", code_label(code)}, {"method", method}, {"host", host_}})
      .Increment();
}

void ClientMetrics::retried(const std::string& method, unsigned code) {
  registry_
      .counter("rest_client_request_retries_total", "Requests that were sent again",
               {{"code", code_label(code)}, {"verb", method}, {"host", host_}})
      .Increment();
}

}  // namespace wan::kube
