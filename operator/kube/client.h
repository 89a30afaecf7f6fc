#pragma once
// The API over HTTP. Nothing else in the operator speaks HTTP to the API server.

#include "base/clock.h"
#include "base/net/client.h"
#include "operator/kube/api.h"
#include "operator/kube/client_metrics.h"
#include "operator/kube/config.h"
#include "operator/kube/token_source.h"

namespace wan::kube {

struct ClientSettings {
  std::chrono::milliseconds request_timeout{30'000};  // of one request with all its retries
  size_t max_object_bytes = 64u << 20;
  size_t max_idle_connections =
      32;  // as many as there are writes at a time: a new connection costs a handshake
  metrics::Registry* metrics = nullptr;  // where requests are counted, if anywhere
};

class Client final : public Api {
 public:
  Client(asio::any_io_executor executor, const Config& config, const Clock& clock,
         ClientSettings settings = {});

  [[nodiscard]] Task<Result<Json>> get(Resource resource, std::string namespace_, std::string name) override;
  [[nodiscard]] Task<Result<ListPage>> list(Resource resource, ListOptions options) override;
  [[nodiscard]] Task<Result<std::unique_ptr<WatchStream>>> watch(Resource resource,
                                                                 WatchOptions options) override;
  [[nodiscard]] Task<Result<Json>> create(Resource resource, Json object) override;
  [[nodiscard]] Task<Result<Json>> update(Resource resource, Json object) override;
  [[nodiscard]] Task<Result<Json>> apply(Resource resource, Json object, std::string field_manager,
                                         std::string subresource) override;
  [[nodiscard]] Task<Result<Json>> merge_patch(Resource resource, std::string namespace_, std::string name,
                                               Json patch) override;
  [[nodiscard]] Task<Status> remove(Resource resource, std::string namespace_, std::string name,
                                    DeleteOptions options) override;

 private:
  [[nodiscard]] Task<Result<net::Request>> authorize(net::Request request);
  [[nodiscard]] Task<Result<std::string>> bearer_token();
  // The server has refused our credentials: false if there can be no others.
  bool renew_credentials();
  void note_failure(const Error& error);
  // Sends, with the retries that the server asks for; the answer is a success (2xx) or an Error.
  [[nodiscard]] Task<Result<Json>> exchange(net::Request request, std::string what, bool managed_fields);
  [[nodiscard]] Task<Result<net::Response>> send_with_retries(net::Request request);
  [[nodiscard]] Task<Result<net::Response>> send_once(net::Request request, std::chrono::milliseconds limit);

  net::Client http_;
  TokenSource tokens_;
  TlsSource tls_;
  std::optional<ExecCredentials> exec_;
  const Clock& clock_;
  ClientSettings settings_;
  std::optional<ClientMetrics> metrics_;
};

}  // namespace wan::kube
