#pragma once
// TLS settings turned into an OpenSSL context. Internal to base/net.

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/net/tls.h"
#include "base/result.h"

namespace wan::net {

struct TlsContext {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
  std::optional<std::string> server_name;
};

// kInvalidArgument for PEM texts that OpenSSL does not take.
[[nodiscard]] Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsClientSettings& settings);

// The verify callback: chain, then host name or IP. Copies share the complaint, which tells why it said no.
class TlsVerifier {
 public:
  explicit TlsVerifier(const std::string& name) : rule_(name), complaint_(std::make_shared<std::string>()) {}
  bool operator()(bool preverified, boost::asio::ssl::verify_context& context) const;
  [[nodiscard]] const std::string& complaint() const { return *complaint_; }

 private:
  boost::asio::ssl::host_name_verification rule_;
  std::shared_ptr<std::string> complaint_;
};

// Sends `name` as SNI, unless it is an IP address.
[[nodiscard]] Status set_server_name(SSL* ssl, const std::string& name);

}  // namespace wan::net
