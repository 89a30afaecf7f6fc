#pragma once
// A certificate authority made for one test.

#include <memory>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string>

namespace wan::testing {

struct Identity {
  std::string certificate_pem, key_pem;
};

class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "test CA");
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  [[nodiscard]] const std::string& pem() const { return pem_; }
  // `names`: as in OpenSSL's subjectAltName, "DNS:api.test,IP:127.0.0.1". Valid from an hour before now for
  // `valid_seconds` (negative: expired).
  [[nodiscard]] Identity issue(const std::string& common_name, const std::string& names,
                               long valid_seconds = 3600) const;

 private:
  EVP_PKEY* key_;
  X509* certificate_;
  std::string pem_;
};

}  // namespace wan::testing
