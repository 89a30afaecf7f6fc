#include "base/clock.h"

#include <charconv>
#include <cstdio>

namespace wan {
namespace {

struct Civil {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::microseconds> time;
};

Civil civil(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {std::chrono::year_month_day{day}, std::chrono::hh_mm_ss<std::chrono::microseconds>{time - day}};
}

std::string format(WallTime time, bool micro) {
  const Civil c = civil(time);
  char buffer[64];
  const int n =
      std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(c.date.year()),
                    static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()),
                    static_cast<int>(c.time.hours().count()), static_cast<int>(c.time.minutes().count()),
                    static_cast<int>(c.time.seconds().count()));
  std::string text(buffer, static_cast<size_t>(n));
  if (micro) {
    std::snprintf(buffer, sizeof buffer, ".%06d", static_cast<int>(c.time.subseconds().count()));
    text += buffer;
  }
  return text + "Z";
}

// The number in text[position, position + length), or -1.
int field(std::string_view text, size_t position, size_t length) {
  if (position + length > text.size()) return -1;
  int value = -1;
  const char* end = text.data() + position + length;
  const auto [stop, error] = std::from_chars(text.data() + position, end, value);
  return error == std::errc{} && stop == end ? value : -1;
}

}  // namespace

WallTime SystemClock::wall() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}
SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

std::string format_time(WallTime time) { return format(time, false); }
std::string format_micro_time(WallTime time) { return format(time, true); }

Result<WallTime> parse_time(std::string_view text) {
  const auto bad = [&] {
    return fail(invalid_argument("\"" + std::string(text) + "\" is not a time like 2026-01-31T12:00:00Z"));
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z') {
    return bad();
  }
  const int year = field(text, 0, 4), month = field(text, 5, 2), day = field(text, 8, 2);
  const int hour = field(text, 11, 2), minute = field(text, 14, 2), second = field(text, 17, 2);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 0 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return bad();
  }
  std::chrono::microseconds fraction{0};
  if (text.size() > 20) {
    const std::string_view digits = text.substr(20, text.size() - 21);
    if (text[19] != '.' || digits.empty() || digits.size() > 9 ||
        digits.find_first_not_of("0123456789") != digits.npos) {
      return bad();
    }
    int micros = 0;
    for (size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    fraction = std::chrono::microseconds(micros);
  }
  return WallTime{std::chrono::sys_days{date} + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                  std::chrono::seconds(second) + fraction};
}

}  // namespace wan
