#include "base/crypto/ed25519.h"
#include "base/crypto/hmac.h"
#include "base/json/json.h"

namespace wan {
namespace {

constexpr size_t kMaxTokenBytes = 4096;
constexpr JsonLimits kHeaderLimits = {.max_bytes = 1024, .max_depth = 4};

std::unexpected<Error> denied(std::string_view why) {
  return fail({ErrorCode::kPermissionDenied, "token refused: " + std::string(why)});
}

// Exactly our algorithm, and no extension that we would have to understand ("crit").
bool is_our_header(std::string_view encoded) {
  const Result<std::string> text = base64url_decode(encoded);
  if (!text) return false;
  const Result<Json> header = parse_json(*text, kHeaderLimits);
  return header && string_or(*header, {"alg"}, "") == "EdDSA" && !find(*header, {"crit"});
}

}  // namespace

Result<std::string> sign_jws(std::string_view payload, std::string_view seed) {
  const std::string input = base64url_encode(R"({"alg":"EdDSA"})") + "." + base64url_encode(payload);
  WAN_TRY(const std::string signature, ed25519_sign(input, seed));
  return input + "." + base64url_encode(signature);
}

Result<std::string> verify_jws(std::string_view token, std::string_view public_key) {
  if (token.size() > kMaxTokenBytes) return denied("it is longer than 4096 characters");
  const size_t first = token.find('.'), last = token.rfind('.');
  if (first == token.npos || last == first || token.find('.', first + 1) != last) {
    return denied("it is not three parts with dots between them");
  }
  if (!is_our_header(token.substr(0, first))) return denied("its header does not name the algorithm EdDSA");
  const Result<std::string> signature = base64url_decode(token.substr(last + 1));
  if (!signature || !ed25519_verify(token.substr(0, last), *signature, public_key)) {
    return denied("its signature is not valid");
  }
  const Result<std::string> payload = base64url_decode(token.substr(first + 1, last - first - 1));
  if (!payload) return denied("its payload is not base64url");
  return *payload;
}

}  // namespace wan
