#pragma once
// A PNG that says it has more pixels than it has.

#include <cstdint>
#include <string>
#include <string_view>

namespace wan::testing {

inline uint32_t png_crc(std::string_view bytes) {
  uint32_t value = ~0u;
  for (const char byte : bytes) {
    value ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
  }
  return ~value;
}

inline std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// `png`, the bytes of a real file, with other sides in its header.
inline std::string png_bomb(std::string png, uint32_t width, uint32_t height) {
  std::string header = "IHDR" + big_endian(width) + big_endian(height) + png.substr(24, 5);
  header += big_endian(png_crc(header));
  return png.replace(12, header.size(), header);
}

}  // namespace wan::testing
