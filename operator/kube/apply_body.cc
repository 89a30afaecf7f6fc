#include "operator/kube/apply_body.h"

#include <array>
#include <cstdio>

namespace wan::kube {
namespace {

// The code points above U+007E and below U+10000 that YAML 1.1 calls not printable or line breaks.
bool needs_escape(uint32_t point) {
  return (point >= 0x7F && point <= 0x9F) || point == 0x2028 || point == 0x2029 || point == 0xFEFF ||
         point == 0xFFFE || point == 0xFFFF;
}

// Of well-formed UTF-8 with at most three bytes; `length` is 1 to 3.
uint32_t decode(std::string_view bytes, size_t length) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])); };
  if (length == 1) return byte(0);
  if (length == 2) return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
  return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
}

size_t sequence_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

}  // namespace

Result<std::string> apply_body(const Json& object) {
  std::string plain;
  try {
    plain = object.dump();
  } catch (const Json::exception& e) {
    return fail(invalid_argument(std::string("an object to apply is not valid text: ") + e.what()));
  }
  std::string body;
  body.reserve(plain.size());
  for (size_t i = 0; i < plain.size();) {
    const size_t length = std::min(sequence_length(plain[i]), plain.size() - i);
    const std::string_view sequence = std::string_view(plain).substr(i, length);
    const uint32_t point = length < 4 ? decode(sequence, length) : 0;
    if (length < 4 && needs_escape(point)) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", point);
      body += escape.data();
    } else {
      body += sequence;
    }
    i += length;
  }
  return body;
}

}  // namespace wan::kube
