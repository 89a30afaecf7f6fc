#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json/json.h"
#include "base/json/utf8.h"

namespace wan {
namespace {

constexpr int64_t kLargestExact = int64_t{1} << 53;

std::u16string utf16(std::string_view text) {
  std::u16string units;
  for (size_t position = 0; position < text.size();) {
    const char32_t point = next_code_point(text, position).value();
    if (point < 0x10000) {
      units.push_back(static_cast<char16_t>(point));
    } else {
      units.push_back(static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF)));
    }
  }
  return units;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

Status write_string(std::string_view text, std::string& out) {
  if (!is_ascii(text) && !is_utf8(text))
    return fail(invalid_argument("a string that is not UTF-8 has no canonical JSON"));
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\f': out += "\\f"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          constexpr char kHex[] = "0123456789abcdef";
          out += "\\u00";
          out += kHex[c >> 4];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return {};
}

// ECMAScript's Number::toString: the shortest digits that read back, placed by the rules of its step 5 to 10.
std::string ecmascript_number(double value) {
  if (value == 0) return "0";
  char buffer[64];
  const auto written =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<size_t>(written.ptr - buffer));
  const size_t e = text.find('e');
  std::string digits(text.substr(0, e));
  std::erase(digits, '.');
  int exponent = 0;
  const char* exponent_text = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(exponent_text, text.data() + text.size(), exponent);

  const int count = static_cast<int>(digits.size()), point = exponent + 1;
  std::string out = value < 0 ? "-" : "";
  if (count <= point && point <= 21)
    return out + digits + std::string(static_cast<size_t>(point - count), '0');
  if (0 < point && point <= 21) return out + digits.insert(static_cast<size_t>(point), ".");
  if (-6 < point && point <= 0) return out + "0." + std::string(static_cast<size_t>(-point), '0') + digits;
  if (count > 1) digits.insert(1, ".");
  return out + digits + (exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
}

Status write_number(const Json& value, std::string& out) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (!std::isfinite(number)) return fail(invalid_argument("NaN and infinity have no canonical JSON"));
    out += ecmascript_number(number);
    return {};
  }
  const bool exact = value.is_number_unsigned()
                         ? value.get<uint64_t>() <= uint64_t{kLargestExact}
                         : value.get<int64_t>() <= kLargestExact && value.get<int64_t>() >= -kLargestExact;
  if (!exact) {
    return fail(invalid_argument("the integer " + value.dump() +
                                 " is beyond 2^53 and has no canonical JSON; write it as a string"));
  }
  out += value.dump();
  return {};
}

Status write_value(const Json& value, std::string& out);

Status write_members(const std::vector<Json::const_iterator>& members, std::string& out) {
  out += '{';
  const char* separator = "";
  for (const Json::const_iterator& member : members) {
    out += std::exchange(separator, ",");
    WAN_TRY_VOID(write_string(member.key(), out));
    out += ':';
    WAN_TRY_VOID(write_value(member.value(), out));
  }
  out += '}';
  return {};
}

Status write_object(const Json& object, std::string& out) {
  std::vector<Json::const_iterator> members;
  bool ascii = true;
  for (auto member = object.begin(); member != object.end(); ++member) {
    ascii = ascii && is_ascii(member.key());
    members.push_back(member);
  }
  // Json keeps keys in the order of their bytes, which for ASCII is that of UTF-16.
  if (ascii) return write_members(members, out);
  for (const auto& member : members) {
    if (!is_utf8(member.key()))
      return fail(invalid_argument("a key that is not UTF-8 has no canonical JSON"));
  }
  std::ranges::sort(members, {}, [](const auto& member) { return utf16(member.key()); });
  return write_members(members, out);
}

Status write_array(const Json& array, std::string& out) {
  out += '[';
  const char* separator = "";
  for (const Json& element : array) {
    out += std::exchange(separator, ",");
    WAN_TRY_VOID(write_value(element, out));
  }
  out += ']';
  return {};
}

Status write_value(const Json& value, std::string& out) {
  switch (value.type()) {
    case Json::value_t::null: out += "null"; return {};
    case Json::value_t::boolean: out += value.get<bool>() ? "true" : "false"; return {};
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float: return write_number(value, out);
    case Json::value_t::string: return write_string(value.get_ref<const std::string&>(), out);
    case Json::value_t::array: return write_array(value, out);
    case Json::value_t::object: return write_object(value, out);
    case Json::value_t::binary:
    case Json::value_t::discarded: break;
  }
  return fail(invalid_argument("a binary value has no canonical JSON"));
}

}  // namespace

Result<std::string> canonical_json(const Json& value) {
  std::string out;
  WAN_TRY_VOID(write_value(value, out));
  return out;
}

}  // namespace wan
