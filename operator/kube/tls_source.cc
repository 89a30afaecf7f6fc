#include "operator/kube/tls_source.h"

#include "base/io/file.h"
#include "base/log.h"

namespace wan::kube {
namespace {

// As often as tokens.
constexpr std::chrono::seconds kReadAgainAfter{50};

bool refresh(std::string& pem, const std::filesystem::path& file) {
  if (file.empty()) return false;
  auto text = read_file(file, 1u << 20);
  if (!text || text->empty()) {
    log::warn("{} cannot be read now; its earlier content stays in use", file.string());
    return false;
  }
  if (*text == pem) return false;
  pem = *std::move(text);
  return true;
}

}  // namespace

std::optional<net::TlsClientSettings> TlsSource::changed() {
  const SteadyTime now = clock_.steady();
  if (!read_at_ || now - *read_at_ >= kReadAgainAfter) {
    read_at_ = now;
    changed_ |= refresh(tls_.ca_pem, files_.ca);
    changed_ |= refresh(tls_.client_certificate_pem, files_.client_certificate);
    changed_ |= refresh(tls_.client_key_pem, files_.client_key);
  }
  if (!std::exchange(changed_, false)) return std::nullopt;
  return tls_;
}

void TlsSource::set_client(std::string certificate_pem, std::string key_pem) {
  if (certificate_pem == tls_.client_certificate_pem && key_pem == tls_.client_key_pem) return;
  tls_.client_certificate_pem = std::move(certificate_pem);
  tls_.client_key_pem = std::move(key_pem);
  changed_ = true;
}

}  // namespace wan::kube
