#include "runtime/tokenizer/clean/html.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>

#include "runtime/tokenizer/clean/code_page.h"

namespace wan::tokenizer {
namespace {

struct Entity {
  std::string_view name;  // ends in ';' but for the 106 that browsers take without
  std::u32string_view text;
};

#include "runtime/tokenizer/clean/html_entities.inc"

constexpr size_t kLongestName = 32;
constexpr size_t kLongestEndedName = 24;
constexpr size_t kShortestName = 2;

struct Reference {
  std::u32string text;
  size_t length = 0;  // characters of the source that it replaces, the ampersand among them
};

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

bool is_letter(char32_t c) { return (c | 0x20) >= U'a' && (c | 0x20) <= U'z'; }

std::optional<std::u32string_view> find(std::span<const Entity> entities, std::u32string_view name) {
  const auto before = [](const Entity& entity, std::u32string_view wanted) {
    return std::ranges::lexicographical_compare(entity.name, wanted, {},
                                                [](char c) { return static_cast<char32_t>(c); });
  };
  const auto at = std::lower_bound(entities.begin(), entities.end(), name, before);
  if (at == entities.end() || !std::ranges::equal(at->name, name, {}, [](char c) { return char32_t(c); })) {
    return std::nullopt;
  }
  return at->text;
}

bool is_discarded(uint32_t value) {
  const bool control = (value >= 0x1 && value <= 0x8) || value == 0xB || (value >= 0xE && value <= 0x1F) ||
                       (value >= 0x7F && value <= 0x9F);
  const bool noncharacter = (value >= 0xFDD0 && value <= 0xFDEF) || (value & 0xFFFE) == 0xFFFE;
  return control || noncharacter;
}

std::u32string referenced_character(uint32_t value) {
  if (value == 0 || (value >= 0xD800 && value <= 0xDFFF) || value > 0x10FFFF) return U"\uFFFD";
  if (value >= 0x80 && value <= 0x9F) return {upper_half(CodePage::kWindows1252)[value - 0x80]};
  if (is_discarded(value)) return {};
  return {static_cast<char32_t>(value)};
}

int digit_value(char32_t c, int base) {
  if (is_digit(c)) return static_cast<int>(c - U'0');
  const char32_t lower = c | 0x20;
  return base == 16 && lower >= U'a' && lower <= U'f' ? static_cast<int>(lower - U'a' + 10) : -1;
}

// `text` starts with "&#".
std::optional<Reference> numeric_reference(std::u32string_view text) {
  const int base = text.size() > 2 && (text[2] | 0x20) == U'x' ? 16 : 10;
  const size_t begin = base == 16 ? 3 : 2;
  size_t end = begin;
  uint32_t value = 0;
  for (; end < text.size() && digit_value(text[end], base) >= 0; ++end) {
    value = std::min<uint32_t>(value * base + digit_value(text[end], base), 0x110000);
  }
  if (end == begin) return std::nullopt;
  if (end < text.size() && text[end] == U';') ++end;
  return Reference{referenced_character(value), end};
}

// `text` starts with "&".
std::optional<Reference> named_reference(std::u32string_view text) {
  const std::u32string_view rest = text.substr(1);
  size_t length = std::min(rest.find_first_of(U"\t\n\f <&#;"), std::min(rest.size(), kLongestName));
  if (length < rest.size() && rest[length] == U';') ++length;
  for (; length >= kShortestName; --length) {
    if (const auto found = find(kEntities, rest.substr(0, length))) {
      return Reference{std::u32string(*found), length + 1};
    }
  }
  return std::nullopt;
}

std::optional<Reference> reference(std::u32string_view text) {
  if (text.size() > 1 && text[1] == U'#') return numeric_reference(text);
  return named_reference(text);
}

std::optional<Reference> ended_reference(std::u32string_view text) {
  const bool numeric = text.size() > 1 && text[1] == U'#';
  const size_t begin = numeric ? 2 : 1;
  size_t end = begin;
  while (end < text.size() && (is_digit(text[end]) || is_letter(text[end]))) ++end;
  if (end == begin || end - begin > kLongestEndedName || end == text.size() || text[end] != U';') {
    return std::nullopt;
  }
  if (numeric) {
    auto found = numeric_reference(text);
    // A semicolon itself stays written as a reference, as in the official code.
    return found && found->length == end + 1 && found->text != U";" ? found : std::nullopt;
  }
  const std::u32string_view name = text.substr(1, end);
  auto found = find(kEntities, name);
  if (!found) found = find(kUpperCasedEntities, name);
  return found ? std::optional(Reference{std::u32string(*found), end + 1}) : std::nullopt;
}

template <typename At>
std::u32string replace_references(std::u32string_view text, At&& at) {
  std::u32string out;
  while (!text.empty()) {
    const size_t plain = std::min(text.find(U'&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::optional<Reference> found = at(text);
    out += found ? found->text : U"&";
    text.remove_prefix(found ? found->length : 1);
  }
  return out;
}

}  // namespace

std::u32string unescape_references(std::u32string_view text) { return replace_references(text, reference); }

std::u32string unescape_ended_references(std::u32string_view text) {
  return replace_references(text, ended_reference);
}

}  // namespace wan::tokenizer
