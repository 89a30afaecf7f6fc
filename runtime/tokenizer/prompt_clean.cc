#include "runtime/tokenizer/prompt_clean.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/tokenizer/utf8.h"

namespace wan::tokenizer {
namespace {

struct Reference {
  std::string text;
  size_t length = 0;  // bytes of the source that it replaces
};

constexpr std::pair<std::string_view, std::string_view> kNamed[] = {
    {"amp;", "&"},         {"lt;", "<"},         {"gt;", ">"},         {"quot;", "\""},
    {"apos;", "'"},        {"nbsp;", "\u00A0"},  {"copy;", "\u00A9"},  {"reg;", "\u00AE"},
    {"deg;", "\u00B0"},    {"laquo;", "\u00AB"}, {"raquo;", "\u00BB"}, {"times;", "\u00D7"},
    {"eacute;", "\u00E9"}, {"ndash;", "\u2013"}, {"mdash;", "\u2014"}, {"lsquo;", "\u2018"},
    {"rsquo;", "\u2019"},  {"ldquo;", "\u201C"}, {"rdquo;", "\u201D"}, {"hellip;", "\u2026"},
    {"euro;", "\u20AC"},   {"trade;", "\u2122"}, {"amp", "&"},         {"lt", "<"},
    {"gt", ">"},           {"quot", "\""},       {"nbsp", "\u00A0"},   {"copy", "\u00A9"},
};

// Browsers read &#128; to &#159; as Windows-1252; 0 marks the five holes, which stay C1 controls.
constexpr char16_t kWindows1252[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                       0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

bool is_discarded(uint32_t value) {
  const bool control = (value >= 0x1 && value <= 0x8) || value == 0xB || (value >= 0xE && value <= 0x1F) ||
                       (value >= 0x7F && value <= 0x9F);
  const bool noncharacter = (value >= 0xFDD0 && value <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE;
  return control || noncharacter;
}

std::string referenced_character(uint32_t value) {
  std::string text;
  if (value >= 0x80 && value <= 0x9F && kWindows1252[value - 0x80] != 0) {
    append_utf8(text, kWindows1252[value - 0x80]);
  } else if (value == 0 || (value >= 0xD800 && value <= 0xDFFF) || value > 0x10FFFF) {
    append_utf8(text, 0xFFFD);
  } else if (value == 0x0D) {
    text = "\r";
  } else if (!is_discarded(value)) {
    append_utf8(text, value);
  }
  return text;
}

// `rest` follows "&#".
std::optional<Reference> numeric_reference(std::string_view rest) {
  const bool hexadecimal = !rest.empty() && (rest[0] == 'x' || rest[0] == 'X');
  const char* begin = rest.data() + (hexadecimal ? 1 : 0);
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(begin, rest.data() + rest.size(), value, hexadecimal ? 16 : 10);
  if (end == begin) return std::nullopt;
  if (error != std::errc()) value = 0xFFFFFFFF;
  size_t length = end - rest.data();
  if (length < rest.size() && rest[length] == ';') ++length;
  return Reference{referenced_character(value), length + 2};
}

// `rest` starts at the ampersand.
std::optional<Reference> reference_at(std::string_view rest) {
  if (rest.size() > 2 && rest[1] == '#') return numeric_reference(rest.substr(2));
  for (const auto& [name, text] : kNamed) {
    if (rest.substr(1).starts_with(name)) return Reference{std::string(text), name.size() + 1};
  }
  return std::nullopt;
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace

std::string unescape_html(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t plain = std::min(text.find('&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (const auto reference = reference_at(text)) {
      out += reference->text;
      text.remove_prefix(reference->length);
    } else {
      out += '&';
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string collapse_white_space(std::string_view text) {
  std::string out;
  bool pending = false;
  while (!text.empty()) {
    const auto front = decode_front(text);
    const size_t length = front ? front->bytes : 1;
    if (front && is_white_space(front->value)) {
      pending = !out.empty();
    } else {
      if (pending) out += ' ';
      pending = false;
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string clean_prompt(std::string_view text) {
  return collapse_white_space(unescape_html(unescape_html(text)));
}

}  // namespace wan::tokenizer
