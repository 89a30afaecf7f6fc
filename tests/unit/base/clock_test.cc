#include "base/clock.h"

#include <gtest/gtest.h>

namespace wan {
namespace {

TEST(Clock, TimesSurviveTheRoundTrip) {
  for (const char* text :
       {"1970-01-01T00:00:00Z", "2026-01-31T12:34:56Z", "2024-02-29T23:59:59Z", "1969-12-31T23:59:59Z"}) {
    EXPECT_EQ(format_time(parse_time(text).value()), text);
  }
  for (const char* text : {"2026-01-31T12:34:56.000001Z", "1969-12-31T23:59:59.999999Z"}) {
    EXPECT_EQ(format_micro_time(parse_time(text).value()), text);
  }
}

TEST(Clock, FractionsAreCutToMicroseconds) {
  EXPECT_EQ(format_micro_time(parse_time("2026-01-31T12:34:56.5Z").value()), "2026-01-31T12:34:56.500000Z");
  EXPECT_EQ(format_micro_time(parse_time("2026-01-31T12:34:56.123456789Z").value()),
            "2026-01-31T12:34:56.123456Z");
}

TEST(Clock, RefusesOtherForms) {
  for (const char* text :
       {"", "now", "2026-01-31", "2026-01-31T12:34:56", "2026-01-31T12:34:56+00:00", "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00.12x4Z",
        "2026-01-01T00:00:00,5Z", "2026-01-01 00:00:00Z", "+026-01-01T00:00:00Z", "2026-01-01T-1:00:00Z",
        "2026-01-01T00:00:00.1234567x9Z"}) {
    const Result<WallTime> parsed = parse_time(text);
    EXPECT_FALSE(parsed) << text;
    if (!parsed) EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Clock, TheSystemClockReadsThePresent) {
  const SystemClock clock;
  EXPECT_GT(clock.wall(), parse_time("2024-01-01T00:00:00Z").value());
  const SteadyTime before = clock.steady();
  EXPECT_LE(before, clock.steady());
}

}  // namespace
}  // namespace wan
