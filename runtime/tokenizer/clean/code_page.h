#pragma once
// The single-byte encodings in which UTF-8 is read by mistake, both ways.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wan::tokenizer {

// In the order in which they are tried.
enum class CodePage : uint8_t {
  kLatin1,
  kWindows1252,
  kWindows1251,
  kWindows1250,
  kWindows1253,
  kWindows1254,
  kWindows1257,
  kIso8859_2,
  kMacRoman,
  kCp437,
};
inline constexpr int kCodePages = 10;

// The Windows pages take a byte without a meaning as the control character of its number, and U+FFFD stands
// for the byte 1A: a byte that was lost.
[[nodiscard]] constexpr bool is_sloppy(CodePage page) {
  return page >= CodePage::kWindows1252 && page <= CodePage::kWindows1257;
}

// What the bytes 80 to FF mean.
[[nodiscard]] std::span<const char16_t, 128> upper_half(CodePage page);

// Nothing when a character is not in the page.
[[nodiscard]] std::optional<std::string> encode(CodePage page, std::u32string_view text);

}  // namespace wan::tokenizer
