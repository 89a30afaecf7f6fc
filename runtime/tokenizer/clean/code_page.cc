#include "runtime/tokenizer/clean/code_page.h"

#include <algorithm>
#include <array>
#include <utility>

namespace wan::tokenizer {
namespace {

#include "runtime/tokenizer/clean/code_pages.inc"

using Encoder = std::array<std::pair<char16_t, unsigned char>, 128>;

Encoder make_encoder(CodePage page) {
  Encoder encoder;
  for (size_t i = 0; i < encoder.size(); ++i) encoder[i] = {upper_half(page)[i], 0x80 + i};
  std::ranges::sort(encoder);
  return encoder;
}

const Encoder& encoder_of(CodePage page) {
  static const auto encoders = [] {
    std::array<Encoder, kCodePages> all;
    for (int i = 0; i < kCodePages; ++i) all[i] = make_encoder(static_cast<CodePage>(i));
    return all;
  }();
  return encoders[static_cast<size_t>(page)];
}

std::optional<unsigned char> encode_one(CodePage page, const Encoder& encoder, char32_t c) {
  if (is_sloppy(page) && c == 0xFFFD) return 0x1A;
  if (is_sloppy(page) && c == 0x1A) return std::nullopt;
  if (c < 0x80) return static_cast<unsigned char>(c);
  const auto at = std::ranges::lower_bound(encoder, c, {}, &Encoder::value_type::first);
  if (at == encoder.end() || at->first != c) return std::nullopt;
  return at->second;
}

}  // namespace

std::span<const char16_t, 128> upper_half(CodePage page) { return kUpperHalves[static_cast<size_t>(page)]; }

std::optional<std::string> encode(CodePage page, std::u32string_view text) {
  const Encoder& encoder = encoder_of(page);
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    const auto byte = encode_one(page, encoder, c);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

}  // namespace wan::tokenizer
