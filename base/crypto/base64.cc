#include <optional>

#include "base/crypto/hmac.h"

namespace wan {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k <= count; ++k) out += alphabet[group >> (18 - 6 * k) & 63];
    if (padded) out.append(3 - count, '=');
  }
  return out;
}

constexpr std::array<int8_t, 256> reverse(std::string_view alphabet) {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  return table;
}

// `text` without padding; refuses unused bits that are not zero, so that one byte string has one form.
std::optional<std::string> decode(std::string_view text, const std::array<int8_t, 256>& table) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t pending = 0;
  int bits = 0;
  for (const char c : text) {
    const int8_t value = table[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    pending = pending << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(pending >> bits & 0xFF);
    }
  }
  if ((pending & ((1u << bits) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace

std::string base64_encode(std::string_view bytes) { return encode(bytes, kStandard, true); }
std::string base64url_encode(std::string_view bytes) { return encode(bytes, kUrl, false); }

Result<std::string> base64_decode(std::string_view text) {
  static constexpr auto kTable = reverse(kStandard);
  std::string_view digits = text;
  while (digits.size() + 2 > text.size() && digits.ends_with('=')) digits.remove_suffix(1);
  std::optional<std::string> bytes = text.size() % 4 == 0 ? decode(digits, kTable) : std::nullopt;
  if (!bytes) return fail(invalid_argument("the text is not base64 (RFC 4648 section 4, with padding)"));
  return *std::move(bytes);
}

Result<std::string> base64url_decode(std::string_view text) {
  static constexpr auto kTable = reverse(kUrl);
  std::optional<std::string> bytes = decode(text, kTable);
  if (!bytes)
    return fail(invalid_argument("the text is not base64url (RFC 4648 section 5, without padding)"));
  return *std::move(bytes);
}

}  // namespace wan
