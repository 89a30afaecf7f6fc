#include "base/crypto/hmac.h"

#include <cerrno>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

namespace wan {

Sha256Bytes hmac_sha256(std::string_view key, std::string_view message) {
  Sha256Bytes mac{};
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  // OpenSSL takes a null key for "the last one": an empty key needs an address.
  const char* key_data = key.empty() ? "" : key.data();
  WAN_CHECK(
      HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()), bytes, message.size(), mac.data(), &size));
  WAN_CHECK(size == mac.size());
  return mac;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  for (size_t filled = 0; filled < count;) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    WAN_CHECK(got > 0 || errno == EINTR);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace wan
