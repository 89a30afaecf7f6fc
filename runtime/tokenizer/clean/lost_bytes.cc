#include "runtime/tokenizer/clean/lost_bytes.h"

#include <algorithm>
#include <array>

#include "runtime/tokenizer/clean/byte_pattern.h"
#include "runtime/tokenizer/utf8.h"

namespace wan::tokenizer {
namespace {

constexpr ByteClass kTail = "\x80\xBF";
constexpr ByteClass kSpace = "  ";

// Only where the character is a likely one: no Samaritan (E0 A0) or Mongolian (E1 A0), no Han near Latin
// letters, of the leads of four F0 alone. 85 as a middle byte is left to the ellipsis that it mostly is.
constexpr ByteClass kNotA0 = "\x80\x84\x86\x9F\xA1\xBF";
constexpr BytePattern kSpaceForA0[] = {
    {{"\xC2\xC3\xC5\xC5\xCE\xCE\xD0\xD0\xD9\xD9", kSpace}},
    {{"\xE2\xE3", kSpace, kNotA0}},
    {{"\xE0\xE3", kNotA0, kSpace}},
    {{"\xF0\xF0", kSpace, kTail, kTail}},
    {{"\xF0\xF0", kTail, kSpace, kTail}},
    {{"\xF0\xF0", kTail, kTail, kSpace}},
};

constexpr ByteClass kLost = "\x1A\x1A";
constexpr ByteClass kLostOrAsked = "\x1A\x1A??";
constexpr ByteClass kTailOrLost = "\x1A\x1A\x80\xBF";
constexpr ByteClass kTailOrAnyLost = "\x1A\x1A??\x80\xBF";
constexpr ByteClass kLead3 = "\xE0\xEF";
constexpr ByteClass kLead4 = "\xF0\xF4";
constexpr ByteClass kHighSurrogate = "\xA0\xAF";
constexpr ByteClass kLowSurrogate = "\xB0\xBF";
constexpr BytePattern kLossy[] = {
    {{"\xC2\xDF", kLost}},
    {{"\xC2\xC3", "??"}},
    {{"\xED\xED", kHighSurrogate, kLostOrAsked, "\xED\xED", kLowSurrogate, kTailOrAnyLost}},
    {{"\xED\xED", kHighSurrogate, kTailOrAnyLost, "\xED\xED", kLowSurrogate, kLostOrAsked}},
    {{kLead3, kLostOrAsked, kTailOrLost}},
    {{kLead3, kTailOrLost, kLostOrAsked}},
    {{kLead4, kLostOrAsked, kTailOrLost, kTailOrLost}},
    {{kLead4, kTailOrLost, kLostOrAsked, kTailOrLost}},
    {{kLead4, kTailOrLost, kTailOrLost, kLostOrAsked}},
    {{kLost}},
};

constexpr std::string_view kLoneAGrave = "\xC3 ";
constexpr std::array<std::string_view, 5> kNotAlone = {" ", "quele", "quela", "quilo", "s "};

std::string restore_words(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const size_t before = std::min(bytes.find(kLoneAGrave), bytes.size());
    out += bytes.substr(0, before);
    bytes.remove_prefix(before);
    if (bytes.empty()) break;
    bytes.remove_prefix(kLoneAGrave.size());
    const bool beginning = std::ranges::any_of(kNotAlone, [&](auto rest) { return bytes.starts_with(rest); });
    out += beginning ? kLoneAGrave : "\xC3\xA0 ";
  }
  return out;
}

struct Variant {
  char32_t value = 0;
  size_t bytes = 0;
};

// The official decoder looks for these with an end-of-text test that a line break at the very end passes too:
// there it stands for the last byte.
bool is_tail_or_end(std::string_view bytes, size_t at) {
  return match_front(std::array{BytePattern{{kTail}}}, bytes.substr(at)) > 0 || bytes.substr(at) == "\n";
}

std::optional<Variant> variant_at(std::string_view bytes) {
  if (bytes.starts_with("\xC0\x80") || bytes == "\xC0\n") return Variant{0, 2};
  static constexpr BytePattern kPair[] = {{{"\xED\xED", kHighSurrogate, kTail, "\xED\xED", kLowSurrogate}}};
  if (bytes.size() < 6 || match_front(kPair, bytes) == 0 || !is_tail_or_end(bytes, 5)) return std::nullopt;
  const auto bits = [&](size_t i, int mask) { return static_cast<char32_t>(bytes[i] & mask); };
  return Variant{
      0x10000 + (bits(1, 0x0F) << 16) + (bits(2, 0x3F) << 10) + (bits(4, 0x0F) << 6) + bits(5, 0x3F), 6};
}

}  // namespace

bool has_spaces_for_a0(std::string_view bytes) { return contains_match(kSpaceForA0, bytes); }

std::string restore_a0(std::string_view bytes) {
  return replace_matches(kSpaceForA0, restore_words(bytes), [](std::string_view match) {
    std::string restored(match);
    std::ranges::replace(restored, ' ', '\xA0');
    return restored;
  });
}

std::string replace_lossy_sequences(std::string_view bytes) {
  return replace_matches(kLossy, bytes, [](std::string_view) { return "\uFFFD"; });
}

std::optional<std::u32string> decode_utf8(std::string_view bytes) {
  std::u32string out;
  while (!bytes.empty()) {
    const auto front = decode_front(bytes);
    if (!front) return std::nullopt;
    out.push_back(front->value);
    bytes.remove_prefix(front->bytes);
  }
  return out;
}

std::optional<std::u32string> decode_utf8_variants(std::string_view bytes) {
  std::u32string out;
  while (!bytes.empty()) {
    const auto variant = variant_at(bytes);
    const auto plain = variant ? std::nullopt : decode_front(bytes);
    if (!variant && !plain) return std::nullopt;
    out.push_back(variant ? variant->value : plain->value);
    bytes.remove_prefix(variant ? variant->bytes : plain->bytes);
  }
  return out;
}

}  // namespace wan::tokenizer
