#pragma once
// HMAC-SHA256 (RFC 2104), random bytes, base64 forms, and a comparison whose time does not depend on where
// inputs differ.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/result.h"

namespace wan {

[[nodiscard]] Sha256Bytes hmac_sha256(std::string_view key, std::string_view message);
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b);
// From the operating system's generator; aborts if there is none.
[[nodiscard]] std::string random_bytes(size_t count);

[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);
// RFC 4648 section 5, no padding.
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
[[nodiscard]] Result<std::string> base64url_decode(std::string_view text);

}  // namespace wan
