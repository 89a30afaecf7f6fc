#pragma once
// Ed25519 (RFC 8032) by OpenSSL, and the compact JWS (RFC 7515) with alg EdDSA (RFC 8037) on top of it.

#include <string>
#include <string_view>

#include "base/result.h"

namespace wan {

// `seed`: exactly 32 bytes, the private key of RFC 8032. Keys are 32 raw bytes, signatures 64.
[[nodiscard]] Result<std::string> ed25519_public_key(std::string_view seed);
[[nodiscard]] Result<std::string> ed25519_sign(std::string_view message, std::string_view seed);
[[nodiscard]] bool ed25519_verify(std::string_view message, std::string_view signature,
                                  std::string_view public_key);

// base64url({"alg":"EdDSA"}) "." base64url(payload) "." base64url(signature)
[[nodiscard]] Result<std::string> sign_jws(std::string_view payload, std::string_view seed);
// The payload; kPermissionDenied for another form, algorithm or signature. Never quotes the token.
[[nodiscard]] Result<std::string> verify_jws(std::string_view token, std::string_view public_key);

}  // namespace wan
