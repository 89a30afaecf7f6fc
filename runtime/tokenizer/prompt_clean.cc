#include "runtime/tokenizer/prompt_clean.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/tokenizer/repair.h"
#include "runtime/tokenizer/utf8.h"

namespace wan::tokenizer {
namespace {

constexpr int kMaxPasses = 16;

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
    {"not", "\u00AC"},
};

bool is_discarded(uint32_t value) {
  const bool control = (value >= 0x1 && value <= 0x8) || value == 0xB || (value >= 0xE && value <= 0x1F) ||
                       (value >= 0x7F && value <= 0x9F);
  const bool noncharacter = (value >= 0xFDD0 && value <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE;
  return control || noncharacter;
}

std::string referenced_character(uint32_t value) {
  std::string text;
  if (value >= 0x80 && value <= 0x9F && from_windows_1252(value) != value) {
    append_utf8(text, from_windows_1252(value));
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

std::string unescape_html(std::string_view text, References which) {
  std::string out;
  while (!text.empty()) {
    const size_t plain = std::min(text.find('&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto reference = reference_at(text);
    const bool ended = reference && text[reference->length - 1] == ';';
    if (reference && (ended || which == References::kAll)) {
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

std::string repair_text(std::string_view text) {
  std::string now(text);
  // One repair makes work for another: a reference may stand for a quote, and that for a straight one.
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const bool markup = now.find('<') != std::string::npos;
    std::string next = repair_characters(markup ? now : unescape_html(now, References::kEnded));
    if (next == now) break;
    now = std::move(next);
  }
  return now;
}

std::string clean_prompt(std::string_view text) {
  return collapse_white_space(unescape_html(unescape_html(repair_text(text))));
}

}  // namespace wan::tokenizer
