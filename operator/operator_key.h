#pragma once
// The operator's one secret: 32 random bytes from which its keys come. It is made once and kept in a Secret
// of the operator's namespace, so that every replica and every restart has the same keys.

#include <string>

#include "operator/kube/api.h"

namespace wan {

struct OperatorKey {
  std::string capability_seed;        // 32 bytes: the Ed25519 seed that signs capabilities
  std::string capability_public_key;  // base64: what runtime pods and artifact servers hold
  std::string token_key;              // 32 bytes: the key of deployment tokens
};

[[nodiscard]] Result<OperatorKey> derive_operator_key(std::string_view seed);

// Reads Secret NAMESPACE/wan-operator-key, or makes it where it is missing. kInvalidArgument if the stored
// one is not usable: it is never replaced, because pods that run hold its public half.
[[nodiscard]] Task<Result<OperatorKey>> load_operator_key(kube::Api& api, std::string namespace_);

}  // namespace wan
