#pragma once
// Credentials from a program that the user's own kubeconfig names (client.authentication.k8s.io). Nothing
// else ever names one: whoever could write such a name would run programs as the operator.

#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/async/program.h"
#include "base/clock.h"
#include "base/json/json.h"

namespace wan::kube {

struct ExecPlugin {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string api_version;   // client.authentication.k8s.io/v1 or v1beta1
  std::string install_hint;  // told when the program is missing
  Json cluster;              // for provideClusterInfo; null otherwise
};

struct Credential {
  std::string token;
  std::string client_certificate_pem;  // both or neither
  std::string client_key_pem;
  std::optional<WallTime> expires;
};

// Reads `user`.exec; `cluster` is the kubeconfig's, `directory` that of the file, for relative commands.
[[nodiscard]] Result<ExecPlugin> parse_exec_plugin(const Json& exec, const Json& cluster,
                                                   const std::string& directory);
// The ExecCredential that a plugin wrote. No error repeats any of it.
[[nodiscard]] Result<Credential> parse_exec_credential(std::string_view text, const std::string& api_version);
// What the plugin finds in $KUBERNETES_EXEC_INFO.
[[nodiscard]] std::string exec_info(const ExecPlugin& plugin);

// Runs the plugin when a credential is needed, and again ten seconds before it expires or when the server has
// refused it; one run at a time, whose result all who wait get.
class ExecCredentials {
 public:
  ExecCredentials(asio::any_io_executor executor, ExecPlugin plugin, const Clock& clock);
  [[nodiscard]] Task<Result<Credential>> get();
  void invalidate() { current_.reset(); }

 private:
  [[nodiscard]] Task<Result<Credential>> run();
  [[nodiscard]] bool is_fresh() const;

  ExecPlugin plugin_;
  const Clock& clock_;
  std::optional<Credential> current_;
  bool running_ = false;
  asio::steady_timer ended_;  // never expires: cancelled to wake everyone who waits for the run
};

}  // namespace wan::kube
