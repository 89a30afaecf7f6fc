#include "base/json/utf8.h"

#include <cstdint>

namespace wan {

std::optional<char32_t> next_code_point(std::string_view text, size_t& position) {
  if (position >= text.size()) return std::nullopt;
  const auto byte = [&](size_t offset) { return static_cast<uint8_t>(text[position + offset]); };
  const uint8_t first = byte(0);
  if (first < 0x80) {
    ++position;
    return first;
  }
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || position + length > text.size()) return std::nullopt;
  char32_t point = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    point = (point << 6) | (byte(i) & 0x3Fu);
  }
  const char32_t smallest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (point < smallest || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
  position += length;
  return point;
}

bool is_utf8(std::string_view text) {
  for (size_t position = 0; position < text.size();) {
    if (!next_code_point(text, position)) return false;
  }
  return true;
}

}  // namespace wan
