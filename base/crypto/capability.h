#pragma once
// Capabilities: short-lived grants that the operator signs and that pods verify with the public key alone.
// Form: compact JWS (RFC 7515) with alg EdDSA (RFC 8037, Ed25519). One grant names one audience and one
// scope.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace wan {

struct Capability {
  std::string audience;  // runtime pod: its pod UID; artifact server: "artifacts/NAMESPACE/STORE"
  std::string subject;   // the VideoJob's UID, or "" where the scope is not about one job
  std::string scope;     // "job" (PUT/GET/DELETE this job), "pod" (status, list, progress stream),
                         // "artifact:write", "artifact:read", "artifact:delete"
  std::string path;      // artifact scopes: the one path that it is for; else ""
  int attempt = 0;       // scope "job": the attempt that this grant is for
  std::string epoch;     // decimal resourceVersion of the Lease write that won leadership
  WallTime expires_at{};
};

// Ed25519 keys from a 32-byte seed (RFC 8032). `seed` must be exactly 32 bytes.
[[nodiscard]] Result<std::string> ed25519_public_key_base64(std::string_view seed);

[[nodiscard]] Result<std::string> sign_capability(const Capability& capability, std::string_view seed);

// Checks form, algorithm, signature, expiry (60 s leeway for clock skew), and that the audience is
// `audience`. Every failure is kPermissionDenied; the message names the failed check but never the token.
[[nodiscard]] Result<Capability> verify_capability(std::string_view token, std::string_view public_key_base64,
                                                   std::string_view audience, WallTime now);

// Decimal integers up to 128 bit, as resourceVersions are: by length, then by text. True if a is older than
// b.
[[nodiscard]] bool epoch_less(std::string_view a, std::string_view b);

}  // namespace wan
