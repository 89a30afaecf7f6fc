#include "base/crypto/capability.h"

#include "base/crypto/ed25519.h"
#include "base/crypto/hmac.h"
#include "base/json/json.h"

namespace wan {
namespace {

constexpr std::chrono::seconds kLeeway{60};

std::unexpected<Error> denied(std::string_view why) {
  return fail({ErrorCode::kPermissionDenied, "token refused: " + std::string(why)});
}

Json claims_of(const Capability& capability) {
  const auto expiry = std::chrono::floor<std::chrono::seconds>(capability.expires_at);
  return {{"aud", capability.audience},
          {"sub", capability.subject},
          {"scope", capability.scope},
          {"path", capability.path},
          {"attempt", capability.attempt},
          {"epoch", capability.epoch},
          {"exp", expiry.time_since_epoch().count()}};
}

Result<Capability> capability_of(const Json& claims) {
  for (const char* name : {"aud", "sub", "scope", "path", "epoch"}) {
    const Json* claim = find(claims, {name});
    if (!claim || !claim->is_string()) return denied(std::string("its claim ") + name + " is not a string");
  }
  constexpr int64_t kYear9999 = 253'402'300'799;
  const int64_t expiry = int_or(claims, {"exp"}, -1), attempt = int_or(claims, {"attempt"}, -1);
  if (expiry < 0 || expiry > kYear9999) return denied("its claim exp is not a time");
  if (attempt < 0 || attempt > INT32_MAX) return denied("its claim attempt is not a count");
  return Capability{.audience = claims["aud"],
                    .subject = claims["sub"],
                    .scope = claims["scope"],
                    .path = claims["path"],
                    .attempt = static_cast<int>(attempt),
                    .epoch = claims["epoch"],
                    .expires_at = WallTime{std::chrono::seconds(expiry)}};
}

std::string_view without_leading_zeros(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

}  // namespace

Result<std::string> ed25519_public_key_base64(std::string_view seed) {
  WAN_TRY(const std::string key, ed25519_public_key(seed));
  return base64_encode(key);
}

Result<std::string> sign_capability(const Capability& capability, std::string_view seed) {
  WAN_TRY(const std::string payload, canonical_json(claims_of(capability)));
  return sign_jws(payload, seed);
}

Result<Capability> verify_capability(std::string_view token, std::string_view public_key_base64,
                                     std::string_view audience, WallTime now) {
  const Result<std::string> public_key = base64_decode(public_key_base64);
  if (!public_key || public_key->size() != 32)
    return denied("the configured public key is not 32 bytes in base64");
  WAN_TRY(const std::string payload, verify_jws(token, *public_key));
  const Result<Json> claims = parse_json(payload);
  if (!claims || !claims->is_object()) return denied("its payload is not a JSON object");
  WAN_TRY(Capability capability, capability_of(*claims));
  if (now >= capability.expires_at + kLeeway) return denied("it has expired");
  if (capability.audience != audience) return denied("it was issued for another audience");
  return capability;
}

bool epoch_less(std::string_view a, std::string_view b) {
  a = without_leading_zeros(a);
  b = without_leading_zeros(b);
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace wan
