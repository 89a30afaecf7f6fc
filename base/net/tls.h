#pragma once
// TLS settings of a client connection. Always verified: chain against the CA, and the host name or IP.

#include <optional>
#include <string>

namespace wan::net {

struct TlsClientSettings {
  std::string ca_pem;                      // empty: the system's trust store
  std::optional<std::string> server_name;  // verify and SNI as this name instead of the URL's host
  std::string client_certificate_pem;      // both or neither
  std::string client_key_pem;
};

}  // namespace wan::net
