#pragma once
// The operator process: everything wired together by hand, one io_context, one thread.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/async/async.h"
#include "operator/controller/lease.h"

namespace wan {

struct OperatorOptions {
  std::filesystem::path kubeconfig;  // empty: $KUBECONFIG, the pod's service account, ~/.kube/config
  std::string context;
  std::vector<std::string> namespaces;  // empty: all
  std::string operator_namespace = "wan-system";
  std::string runtime_image;
  uint16_t runtime_port = 8080;
  std::chrono::seconds lost_after{600};       // as reconcile::Settings
  std::vector<std::string> picture_networks;  // as reconcile::Settings
  std::string health_listen = "0.0.0.0:8081";
  std::string metrics_listen = "127.0.0.1:8082";  // "0": none
  controller::ElectionSettings election;          // its namespace is operator_namespace
  std::chrono::milliseconds shutdown_grace{10'000};
};

// Runs until SIGTERM or SIGINT (0), until leadership is lost (1), or fails to start (2). Logs why.
[[nodiscard]] int run_operator(const OperatorOptions& options);

}  // namespace wan
