#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/json/json.h"
#include "base/json/utf8.h"
#include "base/text.h"

namespace wan {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Conservative: whatever any YAML version might take for something else than this string is quoted.
bool is_plain(std::string_view text) {
  if (text.empty() || !(is_letter(text[0]) || text[0] == '_' || text[0] == '/')) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) &&
        std::string_view(" _-./:,()@+=%~;<>").find(c) == std::string_view::npos) {
      return false;
    }
  }
  if (text.back() == ' ' || text.back() == ':' || text.find(": ") != text.npos) return false;
  constexpr std::string_view kWords[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  return std::ranges::find(kWords, lower_case(text)) == std::end(kWords);
}

bool must_be_escaped(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x2028 || point == 0x2029 ||
         point == 0xFEFF || point == 0xFFFE || point == 0xFFFF;
}

std::string escape(char32_t point) {
  if (point == '\n') return "\\n";
  if (point == '\t') return "\\t";
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "\\u%04X", static_cast<unsigned>(point));
  return buffer;
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const std::optional<char32_t> point = next_code_point(text, position);
    if (!point) {
      out += "\\uFFFD";
      ++position;
    } else if (*point == '"' || *point == '\\') {
      out += '\\';
      out += static_cast<char>(*point);
    } else if (must_be_escaped(*point)) {
      out += escape(*point);
    } else {
      out += text.substr(start, position - start);
    }
  }
  return out + '"';
}

// A literal block keeps text of several lines readable where it is free of characters that need an escape.
bool fits_literal_block(std::string_view text) {
  if (text.find('\n') == text.npos || text[0] == '\n' || text[0] == ' ' || text[0] == '\t') return false;
  if (text.find(" \n") != text.npos || text.back() == ' ' || text.find_first_not_of('\n') == text.npos)
    return false;
  for (size_t position = 0; position < text.size();) {
    const std::optional<char32_t> point = next_code_point(text, position);
    if (!point || (*point != '\n' && must_be_escaped(*point))) return false;
  }
  return true;
}

std::string literal_block(std::string_view text, size_t indent) {
  const size_t newlines = text.size() - 1 - text.find_last_not_of('\n');
  std::string out = newlines == 0 ? "|-" : newlines == 1 ? "|" : "|+";
  std::string_view rest = text;
  if (newlines > 0) rest.remove_suffix(1);
  for (;;) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    out += '\n';
    if (!line.empty()) out.append(indent, ' ').append(line);
    if (end == rest.npos) return out;
    rest.remove_prefix(end + 1);
  }
}

// YAML 1.1 wants a point and a signed exponent in a float.
std::string float_text(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  char buffer[64];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, written.ptr);
  const size_t e = text.find('e');
  if (text.find('.') == text.npos) text.insert(std::min(e, text.size()), ".0");
  return text;
}

std::string scalar(const Json& value, size_t indent) {
  if (value.is_number_float()) return float_text(value.get<double>());
  if (!value.is_string()) return value.is_object() ? "{}" : value.is_array() ? "[]" : value.dump();
  const auto& text = value.get_ref<const std::string&>();
  if (is_plain(text)) return text;
  return indent > 0 && fits_literal_block(text) ? literal_block(text, indent) : double_quoted(text);
}

bool is_block(const Json& value) { return value.is_structured() && !value.empty(); }

// Lines at `indent`, the first without its indentation: the caller has written what stands before it.
void write_block(const Json& value, size_t indent, std::string& out) {
  bool first = true;
  const auto begin_line = [&] {
    if (!std::exchange(first, false)) out.append(indent, ' ');
  };
  if (value.is_array()) {
    for (const Json& element : value) {
      begin_line();
      out += "- ";
      if (is_block(element)) {
        write_block(element, indent + 2, out);
      } else {
        out += scalar(element, indent + 2) + "\n";
      }
    }
    return;
  }
  for (const auto& [key, member] : value.items()) {
    begin_line();
    out += (is_plain(key) ? key : double_quoted(key)) + ":";
    if (is_block(member)) {
      const size_t inner = member.is_array() ? indent : indent + 2;
      out += "\n" + std::string(inner, ' ');
      write_block(member, inner, out);
    } else {
      out += " " + scalar(member, indent + 2) + "\n";
    }
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if (!is_block(value)) return scalar(value, 0) + "\n";
  std::string out;
  write_block(value, 0, out);
  return out;
}

}  // namespace wan
