#include "operator/api/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace wan::api {
namespace {

constexpr std::array<std::pair<std::string_view, long double>, 14> kSuffixes{{
    {"", 1.0L},
    {"Ki", 1024.0L},
    {"Mi", 1048576.0L},
    {"Gi", 1073741824.0L},
    {"Ti", 1099511627776.0L},
    {"Pi", 1125899906842624.0L},
    {"Ei", 1152921504606846976.0L},
    {"m", 1e-3L},
    {"k", 1e3L},
    {"M", 1e6L},
    {"G", 1e9L},
    {"T", 1e12L},
    {"P", 1e15L},
    {"E", 1e18L},
}};

bool digit(char c) { return c >= '0' && c <= '9'; }

Result<long double> factor(std::string_view suffix) {
  for (const auto& [name, value] : kSuffixes) {
    if (name == suffix) return value;
  }
  if (suffix == "u") return 1e-6L;
  if (suffix == "n") return 1e-9L;
  if (suffix.size() >= 2 && (suffix[0] == 'e' || suffix[0] == 'E')) {
    suffix.remove_prefix(suffix[1] == '+' ? 2 : 1);
    int exponent = 0;
    const auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), exponent);
    if (error == std::errc{} && end == suffix.data() + suffix.size() && !suffix.empty() &&
        std::abs(exponent) <= 18) {
      return std::pow(10.0L, static_cast<long double>(exponent));
    }
  }
  return fail(invalid_argument("unknown suffix"));
}

// The value in thousandths. long double has 64 bits of mantissa here: exact for every integer in range.
Result<long double> thousandths(std::string_view text) {
  const auto bad = [&] {
    return fail(invalid_argument("\"" + std::string(text) +
                                 "\" is not a quantity: a number from 0 to 9.2e15 with an optional suffix "
                                 "m k M G T P Ki Mi Gi Ti Pi, such as 500m, 2 or 16Gi"));
  };
  size_t i = text.starts_with('+') ? 1 : 0;
  long double number = 0, scale = 1;
  size_t digits = 0;
  bool fraction = false;
  for (; i < text.size() && (digit(text[i]) || (text[i] == '.' && !fraction)); ++i) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    if (++digits > 19) return bad();
    number = number * 10 + (text[i] - '0');
    if (fraction) scale *= 10;
  }
  if (digits == 0) return bad();
  const auto multiplier = factor(text.substr(i));
  if (!multiplier) return bad();
  const long double result = number * *multiplier * 1000 / scale;
  if (result > 9.2e18L) return bad();
  return result;
}

}  // namespace

Result<int64_t> milli_value(std::string_view text) {
  WAN_TRY(const long double value, thousandths(text));
  return static_cast<int64_t>(std::ceil(value));
}

Result<int64_t> whole_value(std::string_view text) {
  WAN_TRY(const int64_t milli, milli_value(text));
  return milli / 1000 + (milli % 1000 == 0 ? 0 : 1);
}

Result<std::strong_ordering> compare(std::string_view a, std::string_view b) {
  WAN_TRY(const int64_t left, milli_value(a));
  WAN_TRY(const int64_t right, milli_value(b));
  return left <=> right;
}

}  // namespace wan::api
