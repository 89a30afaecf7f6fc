#include "runtime/tokenizer/clean/mojibake.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/tokenizer/clean/badness.h"
#include "runtime/tokenizer/clean/character_map.h"
#include "runtime/tokenizer/clean/characters.h"
#include "runtime/tokenizer/clean/code_page.h"
#include "runtime/tokenizer/clean/lost_bytes.h"

namespace wan::tokenizer {
namespace {

// What the bytes of a character are in UTF-8, for any of the encodings that resemble Latin-1.
enum : uint32_t {
  kFirstOf2 = 1,
  kFirstOf3 = 2,
  kFirstOf4 = 4,
  kContinuation = 8,
  kNeverAlone = 16,  // a continuation that next to garbled text does not mean itself
};

uint32_t bits_of_byte(int byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return kFirstOf2;
  if (byte >= 0xE0 && byte <= 0xEF) return kFirstOf3;
  // Of the other planes only these two are in use.
  if (byte == 0xF0 || byte == 0xF3) return kFirstOf4;
  return byte <= 0xBF ? kContinuation : 0;
}

const CharacterMap& detector() {
  static const CharacterMap kMap = [] {
    CharacterMap map;
    for (int page = 0; page <= static_cast<int>(CodePage::kWindows1257); ++page) {
      for (int byte = 0x80; byte <= 0xFF; ++byte) {
        const char32_t c = upper_half(static_cast<CodePage>(page))[byte - 0x80];
        const bool alone = (c >= 0x2013 && c <= 0x201E) || c == U'•' || c == U'…';
        const uint32_t bits = bits_of_byte(byte);
        map.add(bits == kContinuation && !alone ? bits | kNeverAlone : bits, std::u32string_view(&c, 1));
      }
    }
    map.add(kContinuation, U" ");  // for the no-break space
    return map;
  }();
  return kMap;
}

// The length of the run of UTF-8 sequences, each byte read as a character, that the text starts with.
size_t garbled_run(std::u32string_view text) {
  const CharacterMap& map = detector();
  const auto sequence = [&](size_t at, uint32_t first, size_t length) {
    if (at + length > text.size() || (map.of(text[at]) & first) == 0) return false;
    return std::ranges::all_of(text.substr(at + 1, length - 1),
                               [&](char32_t c) { return (map.of(c) & kContinuation) != 0; });
  };
  for (size_t at = 0;;) {
    if (sequence(at, kFirstOf2, 2)) {
      at += 2;
    } else if (sequence(at, kFirstOf3, 3)) {
      at += 3;
    } else if (sequence(at, kFirstOf4, 4)) {
      at += 4;
    } else {
      return at;
    }
  }
}

// Repairs garbled runs one by one, for a text that has other characters besides.
std::u32string repair_runs(std::u32string_view text, RepairBudget& budget) {
  std::u32string out;
  uint32_t before = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t run = (before & kNeverAlone) != 0 ? 0 : garbled_run(text.substr(at));
    const std::u32string_view part = text.substr(at, std::max<size_t>(run, 1));
    const bool repair = run > 0 && run < text.size() && looks_garbled(part);
    out += repair ? repair_encoding(std::u32string(part), budget) : std::u32string(part);
    before = detector().of(part.back());
    at += part.size();
  }
  return out;
}

std::optional<std::u32string> decode_as_utf8(CodePage page, std::string bytes) {
  // In Mac Roman an en dash and a space would pass for a lost A0.
  if (page != CodePage::kMacRoman && has_spaces_for_a0(bytes)) bytes = restore_a0(bytes);
  if (is_sloppy(page)) bytes = replace_lossy_sequences(bytes);
  const bool variants = bytes.find_first_of("\xED\xC0") != std::string::npos;
  return variants ? decode_utf8_variants(bytes) : decode_utf8(bytes);
}

std::u32string one_step(const std::u32string& text, RepairBudget& budget) {
  if (std::ranges::all_of(text, [](char32_t c) { return c < 0x80; }) || !looks_garbled(text)) return text;
  for (int i = 0; i < kCodePages; ++i) {
    const auto page = static_cast<CodePage>(i);
    auto bytes = encode(page, text);
    if (!bytes) continue;
    if (auto fixed = decode_as_utf8(page, *std::move(bytes))) return *std::move(fixed);
  }
  std::u32string fixed = repair_runs(text, budget);
  return fixed != text ? fixed : replace_c1_controls(text);
}

}  // namespace

std::u32string repair_encoding(std::u32string text, RepairBudget& budget) {
  while (budget.take(text.size())) {
    std::u32string fixed = one_step(text, budget);
    if (fixed == text) break;
    text = std::move(fixed);
  }
  return text;
}

}  // namespace wan::tokenizer
