#include "runtime/cli/progress_display.h"

#include <gtest/gtest.h>

#include "base/json/json.h"

namespace wan::cli {
namespace {

const Progress kStep = {.phase = "Denoise",
                        .done = 7,
                        .total = 20,
                        .percent = 31.04,
                        .seconds_left = 61.2,
                        .seconds_per_step = 4.5};

TEST(ProgressText, SaysStepSpeedAndTimeLeft) {
  EXPECT_EQ(progress_text(kStep), "denoise  step 7/20  4.50 s/step  1 min 02 s left");
  EXPECT_EQ(progress_text({.phase = "Load", .done = 1, .total = 4}), "load  part 1/4");
  EXPECT_EQ(progress_text({.phase = "TextEncode", .done = 1, .total = 2}), "encode text");
  Progress long_wait = kStep;
  long_wait.seconds_left = 7300;
  EXPECT_EQ(progress_text(long_wait), "denoise  step 7/20  4.50 s/step  2 h 01 min left");
}

TEST(ProgressJson, HasTheFieldsOfTheStatus) {
  const auto json = parse_json(progress_json(kStep));
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(*json, Json::parse(R"({"type":"PROGRESS","progress":
                                  {"phase":"Denoise","step":7,"steps":20,"percent":31.0,"secondsLeft":62}})"));
  EXPECT_EQ(progress_json({.phase = "Load"}).find("secondsLeft"), std::string::npos);
}

}  // namespace
}  // namespace wan::cli
