#include "operator/operator_key.h"

#include <algorithm>

#include "base/crypto/capability.h"
#include "base/crypto/hmac.h"
#include "base/log.h"
#include "operator/api/identifiers.h"
#include "operator/kube/api_error.h"

namespace wan {
namespace {

constexpr const char* kSecretName = "wan-operator-key";
constexpr size_t kSeedBytes = 32;

std::string text_of(const Sha256Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

Json new_secret(const std::string& namespace_) {
  Json secret = Json::object();
  secret["apiVersion"] = "v1";
  secret["kind"] = "Secret";
  secret["metadata"]["name"] = kSecretName;
  secret["metadata"]["namespace"] = namespace_;
  secret["metadata"]["labels"][api::kLabelManagedBy] = api::kManagedBy;
  secret["type"] = "Opaque";
  secret["immutable"] = true;
  secret["data"]["seed"] = base64_encode(random_bytes(kSeedBytes));
  return secret;
}

Result<OperatorKey> read_secret(const Json& secret, const std::string& namespace_) {
  const auto seed = base64_decode(string_or(secret, {"data", "seed"}, ""));
  if (!seed || seed->size() != kSeedBytes) {
    return fail(invalid_argument("Secret " + namespace_ + "/" + kSecretName + ": data.seed must be " +
                                 std::to_string(kSeedBytes) +
                                 " bytes; restore it, or delete the Secret and restart the runtime pods"));
  }
  return derive_operator_key(*seed);
}

}  // namespace

Result<OperatorKey> derive_operator_key(std::string_view seed) {
  OperatorKey key;
  key.capability_seed = text_of(hmac_sha256(seed, "capability"));
  key.token_key = text_of(hmac_sha256(seed, "token"));
  WAN_TRY(key.capability_public_key, ed25519_public_key_base64(key.capability_seed));
  return key;
}

Task<Result<OperatorKey>> load_operator_key(kube::Api& api, std::string namespace_) {
  auto stored = co_await api.get(kube::kSecrets, namespace_, kSecretName);
  if (!stored && kube::is_not_found(stored.error())) {
    stored = co_await api.create(kube::kSecrets, new_secret(namespace_));
    if (stored) log::info("made the operator key, Secret {}/{}", namespace_, kSecretName);
    // Another replica was quicker: its key is ours.
    if (!stored && kube::is_already_exists(stored.error())) {
      stored = co_await api.get(kube::kSecrets, namespace_, kSecretName);
    }
  }
  if (!stored) co_return fail(stored.error());
  co_return read_secret(*stored, namespace_);
}

}  // namespace wan
