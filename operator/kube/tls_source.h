#pragma once
// The TLS material of the next connection. What comes from files is read again every minute: a cluster's CA
// and an account's certificates change while the operator runs.

#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/net/tls.h"

namespace wan::kube {

struct TlsFiles {  // "": that part is fixed
  std::filesystem::path ca;
  std::filesystem::path client_certificate;
  std::filesystem::path client_key;
};

class TlsSource {
 public:
  TlsSource(net::TlsClientSettings tls, TlsFiles files, const Clock& clock)
      : tls_(std::move(tls)), files_(std::move(files)), clock_(clock), read_at_(clock.steady()) {}
  // The material, if it has changed since the last call. A file that can't be read now changes nothing.
  [[nodiscard]] std::optional<net::TlsClientSettings> changed();
  // A connection was refused by either side: the next call reads the files.
  void invalidate() { read_at_.reset(); }
  // A client certificate that comes from elsewhere.
  void set_client(std::string certificate_pem, std::string key_pem);

 private:
  net::TlsClientSettings tls_;
  TlsFiles files_;
  const Clock& clock_;
  std::optional<SteadyTime> read_at_;
  bool changed_ = false;
};

}  // namespace wan::kube
