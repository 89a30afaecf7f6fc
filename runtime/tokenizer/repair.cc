#include "runtime/tokenizer/repair.h"

#include <algorithm>
#include <iterator>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

namespace wan::tokenizer {
namespace {

struct Ligature {
  char16_t from;
  std::u16string_view to;
};
constexpr Ligature kLigatures[] = {
    {u'Ĳ', u"IJ"},  {u'ĳ', u"ij"},  {u'ŉ', u"ʼn"}, {u'Ǆ', u"DŽ"}, {u'ǅ', u"Dž"}, {u'ǆ', u"dž"},
    {u'Ǉ', u"LJ"},  {u'ǈ', u"Lj"},  {u'ǉ', u"lj"}, {u'Ǌ', u"NJ"}, {u'ǋ', u"Nj"}, {u'ǌ', u"nj"},
    {u'Ǳ', u"DZ"},  {u'ǲ', u"Dz"},  {u'ǳ', u"dz"}, {u'ﬀ', u"ff"}, {u'ﬁ', u"fi"}, {u'ﬂ', u"fl"},
    {u'ﬃ', u"ffi"}, {u'ﬄ', u"ffl"}, {u'ﬅ', u"ſt"}, {u'ﬆ', u"st"}};

// 0 marks the five holes.
constexpr char16_t kWindows1252[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                       0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

bool is_removed(char16_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

bool is_line_break(char16_t c) { return c == '\r' || c == 0x2028 || c == 0x2029; }

bool is_single_quote(char16_t c) { return c == 0x02BC || (c >= 0x2018 && c <= 0x201B); }

bool is_double_quote(char16_t c) { return c >= 0x201C && c <= 0x201F; }

icu::UnicodeString normalized(const icu::Normalizer2* form, const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString out = form->normalize(text, status);
  return U_SUCCESS(status) ? out : text;
}

void append_repaired(icu::UnicodeString& out, char16_t raw, const icu::Normalizer2* compatibility) {
  const auto c = static_cast<char16_t>(from_windows_1252(raw));
  const auto ligature = std::ranges::find(kLigatures, c, &Ligature::from);
  if (ligature != std::end(kLigatures)) {
    out.append(ligature->to.data(), static_cast<int32_t>(ligature->to.size()));
  } else if (c == 0x3000) {
    out.append(u' ');
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    out.append(normalized(compatibility, icu::UnicodeString(c)));
  } else if (is_single_quote(c)) {
    out.append(u'\'');
  } else if (is_double_quote(c)) {
    out.append(u'"');
  } else if (is_line_break(c)) {
    out.append(u'\n');
  } else if (!is_removed(c)) {
    out.append(c);
  }
}

// The length of "ESC [ digits and semicolons, a letter" at `at`, or 0.
int32_t terminal_escape(const icu::UnicodeString& text, int32_t at) {
  if (text.charAt(at) != 0x1B || text.charAt(at + 1) != u'[') return 0;
  int32_t end = at + 2;
  while (text.charAt(end) == u';' || (text.charAt(end) >= u'0' && text.charAt(end) <= u'9')) ++end;
  const char16_t last = text.charAt(end) | 0x20;
  return last >= u'a' && last <= u'z' ? end + 1 - at : 0;
}

}  // namespace

char32_t from_windows_1252(char32_t c) {
  if (c < 0x80 || c > 0x9F || kWindows1252[c - 0x80] == 0) return c;
  return kWindows1252[c - 0x80];
}

std::string repair_characters(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* compatibility = icu::Normalizer2::getNFKCInstance(status);
  const icu::Normalizer2* composed = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) return std::string(text);
  icu::UnicodeString now =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  icu::UnicodeString repaired;
  for (int32_t i = 0; i < now.length();) {
    const int32_t escape = terminal_escape(now, i);
    const bool pair = now.charAt(i) == u'\r' && now.charAt(i + 1) == u'\n';
    if (escape == 0 && !pair) append_repaired(repaired, now.charAt(i), compatibility);
    i += std::max(escape, 1);
  }
  std::string out;
  return normalized(composed, repaired).toUTF8String(out);
}

}  // namespace wan::tokenizer
