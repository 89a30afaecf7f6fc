#include "runtime/tokenizer/clean/badness.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <unicode/uchar.h>
#include <vector>

#include "runtime/tokenizer/clean/character_map.h"
#include "runtime/tokenizer/clean/white_space.h"

namespace wan::tokenizer {
namespace {

enum : uint32_t {
  kCommon = 1 << 0,       // in many contexts: no sign of anything alone
  kC1 = 1 << 1,           // control characters that nothing uses
  kBad = 1 << 2,          // hardly ever meant
  kLaw = 1 << 3,          //
  kCurrency = 1 << 4,     //
  kStart = 1 << 5,        // punctuation in front of a word
  kEnd = 1 << 6,          // and behind one
  kNumeric = 1 << 7,      //
  kKaomoji = 1 << 8,      // letters that faces are made of
  kUpper = 1 << 9,        // accented, and not in kaomoji
  kLower = 1 << 10,       //
  kUpperOther = 1 << 11,  // capitals of other scripts
  kLowerOther = 1 << 12,  //
  kBox = 1 << 13,         // box drawings
  kSmall = 1 << 14,       // a-z
  kCapital = 1 << 15,     // A-Z
  kSpace = 1 << 16,       // set by bits_of, as the next two
  kWord = 1 << 17,        //
  kAny = 1 << 18,         //
  kLatin = kSmall | kCapital,
  kAccented = kUpper | kLower,
};

constexpr CharacterMap make_map() {
  CharacterMap map;
  map.add(kCommon, U"\u00A0\u00AD·´–—―…’");
  map.add(kC1, U"\u0080-\u009F");
  map.add(kBad, U"¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\uFFFD");
  map.add(kLaw, U"§¶");
  map.add(kCurrency, U"¢£¥₧€");
  map.add(kStart, U"¡©«¿\u0384\u0385‘‚“„•‹\uF8FF");
  map.add(kEnd, U"®»˝”›™");
  map.add(kNumeric, U"±²³µ¹¼½¾×÷⁄№∂∆∏∑√∞∩∫≈≠≡≤≥");
  map.add(kKaomoji, U"°Ò-ÖÙ-Üò-öø-üŌŐŪŲ");
  map.add(kUpper, U"À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ");
  map.add(kLower, U"ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґ\uFB01\uFB02");
  map.add(kUpperOther, U"ÞΆΈ-ΊΌΎΏΑ-\u03A9ΪΫЁ-Я");
  map.add(kLowerOther, U"ά-ωа-џ");
  map.add(kBox, U"│┌┐└┘├┤┬┼═-╬▀▄█▌▐-▓");
  map.add(kSmall, U"a-z");
  map.add(kCapital, U"A-Z");
  return map;
}
constexpr CharacterMap kMap = make_map();

uint32_t bits_of(char32_t c) {
  uint32_t bits = kMap.of(c);
  if (is_white_space(c)) bits |= kSpace;
  const auto i = static_cast<UChar32>(c);
  if (u_isalpha(i) || c == U'_' || u_getIntPropertyValue(i, UCHAR_NUMERIC_TYPE) != U_NT_NONE) bits |= kWord;
  return c == U'\n' ? bits : bits | kAny;
}

struct Set {
  uint32_t bits = 0;
  std::u32string_view characters;
  bool inverted = false;

  constexpr Set() = default;
  constexpr Set(uint32_t any_of) : bits(any_of) {}
  constexpr Set(const char32_t* members) : characters(members) {}
  constexpr Set(uint32_t any_of, const char32_t* members, bool none_of = false)
      : bits(any_of), characters(members), inverted(none_of) {}
  [[nodiscard]] constexpr bool is_end() const { return bits == 0 && characters.empty(); }
  [[nodiscard]] bool holds(char32_t c, uint32_t c_bits) const {
    return ((c_bits & bits) != 0 || characters.contains(c)) != inverted;
  }
};

constexpr size_t kLongestRule = 5;
struct Rule {
  Set sets[kLongestRule];  // one a character
};

constexpr uint32_t kMarks = kStart | kEnd | kCurrency | kNumeric | kLaw;
constexpr Set kArabic = {kCommon | kCurrency | kBad | kNumeric | kStart, U"ŸŠ®°µ»"};
constexpr uint32_t kOverLetters = kC1 | kBad | kStart | kEnd | kCurrency;

constexpr Rule kRules[] = {
    {{kC1}},
    {{kBad | kAccented | kBox | kMarks, kBad}},
    {{kLatin, kLowerOther | kUpperOther, kBad}},
    {{kBad, kAccented | kBox | kMarks}},
    {{kLower | kLowerOther | kBox | kEnd | kCurrency | kNumeric, kUpper}},
    {{kBox | kEnd | kCurrency | kNumeric, kLower}},
    {{kLower | kBox | kEnd, kCurrency}},
    {{kSpace, kUpper, kCurrency}},
    {{kUpper | kBox, kNumeric | kLaw}},
    {{kAccented | kBox | kCurrency | kEnd, kStart, kNumeric}},
    {{kAccented | kCurrency | kNumeric | kBox | kLaw, kEnd, kStart}},
    {{kCurrency | kNumeric | kBox, kStart}},
    {{kSmall, kUpper, kStart | kCurrency}},
    {{kBox, kKaomoji}},
    {{kAccented | kMarks, kBox}},
    {{kBox, kEnd}},
    {{kAccented, kStart | kEnd, kWord}},
    {{U"Œœ", {kLatin, U"", true}}},
    {{kUpper, U"°"}},
    // Two characters of Windows-1252.
    {{U"ÂÃÎÐ", {kStart | kEnd, U"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´"}}},
    {{U"×", U"²³"}},
    // Arabic words in Windows-1252: usual characters, so four of them.
    {{U"ØÙ", kArabic, U"ØÙ", kArabic}},
    // The beginnings of South Asian letters.
    {{U"à", U"²µ¹¼½¾"}},
    // Mac Roman.
    {{U"√", U"±∂†≠®™´≤≥¥µø"}},
    {{U"≈", U"°¢"}},
    {{U"‚", U"Ä", U"ìîïòôúùû†°¢π"}},
    {{U"‚", U"âó", U"àä°ê"}},
    // Windows-1251: U+2000 and on; then Latin-1 and Cyrillic letters.
    {{U"в", U"Ђ"}},
    {{U"ВГРС", {kOverLetters, U"°µ"}, U"ВГРС"}},
    // "à", "á" and the no-break space in Windows-1252.
    {{U"Ã", U"\u00A0¡"}},
    {{kSmall, U"ÃÂ", U" "}},
    {{kSmall, kSpace, U"ÃÂ", U" "}},
    // "Â" in front of the very character that it stands for.
    {{{kSmall | kEnd, U".,?!"}, U"Â", {kStart | kEnd, U" "}}},
    // Windows-1253: U+2000 and on; then Latin-1 and Greek letters.
    {{U"β", U"€", U"™\u00A0Ά\u00AD®°"}},
    {{U"ΒΓΞΟ", {kOverLetters, U"°"}, U"ΒΓΞΟ"}},
    // Windows-1257: U+2000 and on.
    {{U"ā", U"€"}},
};

// Windows-1251 over Latin-1 over Windows-1252: any character follows, then a Latin letter or a space.
constexpr std::u32string_view kTwiceWindows1251 = U"ГўВЂВ";

struct Character {
  char32_t value;
  uint32_t bits;
};
using Characters = std::span<const Character>;

bool starts(const Rule& rule, Characters text) {
  for (size_t i = 0; i < kLongestRule && !rule.sets[i].is_end(); ++i) {
    if (i >= text.size() || !rule.sets[i].holds(text[i].value, text[i].bits)) return false;
  }
  return true;
}

bool starts_twice_windows_1251(Characters text) {
  const size_t length = kTwiceWindows1251.size();
  if (text.size() < length + 2) return false;
  for (size_t i = 0; i < length; ++i) {
    if (text[i].value != kTwiceWindows1251[i]) return false;
  }
  const bool latin = (text[length + 1].bits & kLatin) != 0 || text[length + 1].value == U' ';
  return (text[length].bits & kAny) != 0 && latin;
}

bool starts_with_lost_letter(std::u32string_view text) {
  return text.size() > 1 && (text[0] == U'Ã' || text[0] == U'Â') && text[1] == U' ';
}

}  // namespace

bool looks_garbled(std::u32string_view text) {
  if (starts_with_lost_letter(text)) return true;
  std::vector<Character> characters;
  characters.reserve(text.size());
  for (const char32_t c : text) characters.push_back({c, bits_of(c)});
  for (Characters rest = characters; !rest.empty(); rest = rest.subspan(1)) {
    const bool sign = std::ranges::any_of(kRules, [&](const Rule& rule) { return starts(rule, rest); });
    if (sign || starts_twice_windows_1251(rest)) return true;
  }
  return false;
}

}  // namespace wan::tokenizer
