// What needs Unicode's normal forms: ICU computes them.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <ranges>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "runtime/tokenizer/clean/characters.h"

namespace wan::tokenizer {
namespace {

// ICU's data for the forms is part of its library: without it nothing of ICU works.
const icu::Normalizer2& loaded(const icu::Normalizer2* form, UErrorCode status) {
  if (U_FAILURE(status)) std::abort();
  return *form;
}

std::u32string normalized(const icu::Normalizer2& form, std::u32string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto in = icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                                static_cast<int32_t>(text.size()));
  const icu::UnicodeString normal = form.normalize(in, status);
  std::u32string out(normal.countChar32(), U'\0');
  normal.toUTF32(reinterpret_cast<UChar32*>(out.data()), static_cast<int32_t>(out.size()), status);
  return U_SUCCESS(status) ? out : std::u32string(text);
}

bool combines(char32_t c) { return c >= 0x300 && u_getCombiningClass(static_cast<UChar32>(c)) != 0; }

// Puts combining characters in canonical order, which changes no normal form: ICU inserts each into its
// place, in quadratic time on a text of nothing else.
std::u32string in_canonical_order(std::u32string_view text) {
  std::u32string out(text);
  const auto weight = [](char32_t c) { return u_getCombiningClass(static_cast<UChar32>(c)); };
  for (auto at = out.begin(); at != out.end();) {
    const auto run = std::find_if(at, out.end(), combines);
    at = std::find_if_not(run, out.end(), combines);
    if (std::ranges::is_sorted(run, at, {}, weight)) continue;
    std::map<uint8_t, std::u32string> by_weight;
    for (const char32_t c : std::ranges::subrange(run, at)) by_weight[weight(c)] += c;
    auto place = run;
    for (const auto& [_, characters] : by_weight) place = std::ranges::copy(characters, place).out;
  }
  return out;
}

}  // namespace

std::u32string replace_width_forms(std::u32string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  static const icu::Normalizer2& kForm = loaded(icu::Normalizer2::getNFKCInstance(status), status);
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (c >= 0xFF01 && c <= 0xFFEF) {
      out += normalized(kForm, std::u32string_view(&c, 1));
    } else {
      out += c == 0x3000 ? U' ' : c;
    }
  }
  return out;
}

std::u32string compose(std::u32string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  static const icu::Normalizer2& kForm = loaded(icu::Normalizer2::getNFCInstance(status), status);
  const auto is_plain = [](char32_t c) { return c < 0x300; };
  if (std::ranges::all_of(text, is_plain)) return std::u32string(text);
  return normalized(kForm, in_canonical_order(text));
}

}  // namespace wan::tokenizer
