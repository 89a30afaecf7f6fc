#include "base/crypto/ed25519.h"

#include <memory>
#include <openssl/err.h>
#include <openssl/evp.h>

namespace wan {
namespace {

constexpr size_t kKeyBytes = 32, kSignatureBytes = 64;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Result<Key> private_key(std::string_view seed) {
  if (seed.size() != kKeyBytes) {
    return fail(
        invalid_argument("an Ed25519 seed has 32 bytes, this one has " + std::to_string(seed.size())));
  }
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes(seed), seed.size()));
  if (!key) return fail(internal_error("OpenSSL offers no Ed25519"));
  return key;
}

}  // namespace

Result<std::string> ed25519_public_key(std::string_view seed) {
  WAN_TRY(const Key key, private_key(seed));
  std::string raw(kKeyBytes, '\0');
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) != 1) {
    return fail(internal_error("OpenSSL did not derive the public key"));
  }
  return raw;
}

Result<std::string> ed25519_sign(std::string_view message, std::string_view seed) {
  WAN_TRY(const Key key, private_key(seed));
  const DigestContext context(EVP_MD_CTX_new());
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes(message),
                     message.size()) != 1) {
    return fail(internal_error("OpenSSL did not sign"));
  }
  return signature;
}

bool ed25519_verify(std::string_view message, std::string_view signature, std::string_view public_key) {
  if (public_key.size() != kKeyBytes || signature.size() != kSignatureBytes) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(public_key), public_key.size()));
  const DigestContext context(EVP_MD_CTX_new());
  const bool valid =
      key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message), message.size()) ==
          1;
  ERR_clear_error();
  return valid;
}

}  // namespace wan
