#include "runtime/tokenizer/clean/characters.h"

#include <algorithm>
#include <iterator>
#include <unicode/uchar.h>

#include "runtime/tokenizer/clean/code_page.h"

namespace wan::tokenizer {
namespace {

struct Ligature {
  char32_t from;
  std::u32string_view to;
};
constexpr Ligature kLigatures[] = {
    {U'Ĳ', U"IJ"},  {U'ĳ', U"ij"},  {U'ŉ', U"ʼn"}, {U'Ǆ', U"DŽ"}, {U'ǅ', U"Dž"}, {U'ǆ', U"dž"},
    {U'Ǉ', U"LJ"},  {U'ǈ', U"Lj"},  {U'ǉ', U"lj"}, {U'Ǌ', U"NJ"}, {U'ǋ', U"Nj"}, {U'ǌ', U"nj"},
    {U'Ǳ', U"DZ"},  {U'ǲ', U"Dz"},  {U'ǳ', U"dz"}, {U'ﬀ', U"ff"}, {U'ﬁ', U"fi"}, {U'ﬂ', U"fl"},
    {U'ﬃ', U"ffi"}, {U'ﬄ', U"ffl"}, {U'ﬅ', U"ſt"}, {U'ﬆ', U"st"}};

bool is_high_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDBFF; }

bool is_low_surrogate(char32_t c) { return c >= 0xDC00 && c <= 0xDFFF; }

char32_t straight(char32_t c) {
  if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B)) return U'\'';
  return c >= 0x201C && c <= 0x201F ? U'"' : c;
}

bool is_removed(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

// The length of the terminal escape at the front, or 0.
size_t terminal_escape(std::u32string_view text) {
  if (!text.starts_with(U"\u001B[")) return 0;
  size_t end = 2;
  while (end < text.size() && (text[end] == U';' || u_isdigit(static_cast<UChar32>(text[end])))) ++end;
  const char32_t last = end < text.size() ? text[end] | 0x20 : 0;
  return last >= U'a' && last <= U'z' ? end + 1 : 0;
}

std::u32string each(std::u32string_view text, char32_t (*replace)(char32_t)) {
  std::u32string out(text.size(), U'\0');
  std::ranges::transform(text, out.begin(), replace);
  return out;
}

}  // namespace

std::u32string replace_c1_controls(std::u32string_view text) {
  return each(text, [](char32_t c) -> char32_t {
    return c >= 0x80 && c <= 0x9F ? upper_half(CodePage::kWindows1252)[c - 0x80] : c;
  });
}

std::u32string split_ligatures(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    const auto* const ligature =
        c < 0x80 ? std::end(kLigatures) : std::ranges::find(kLigatures, c, &Ligature::from);
    if (ligature == std::end(kLigatures)) {
      out += c;
    } else {
      out += ligature->to;
    }
  }
  return out;
}

std::u32string straighten_quotes(std::u32string_view text) { return each(text, straight); }

std::u32string unify_line_breaks(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool first_of_two = c == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n';
    if (first_of_two) continue;
    out += c == U'\r' || c == 0x2028 || c == 0x2029 || c == 0x85 ? U'\n' : c;
  }
  return out;
}

std::u32string join_surrogates(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (is_high_surrogate(c) && i + 1 < text.size() && is_low_surrogate(text[i + 1])) {
      out += 0x10000 + ((c - 0xD800) << 10) + (text[++i] - 0xDC00);
    } else {
      out += is_high_surrogate(c) || is_low_surrogate(c) ? char32_t{0xFFFD} : c;
    }
  }
  return out;
}

std::u32string remove_terminal_escapes(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t escape = terminal_escape(text);
    if (escape == 0) out += text.front();
    text.remove_prefix(std::max<size_t>(escape, 1));
  }
  return out;
}

std::u32string remove_control_characters(std::u32string_view text) {
  std::u32string out(text);
  std::erase_if(out, is_removed);
  return out;
}

}  // namespace wan::tokenizer
