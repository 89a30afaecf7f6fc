#include "runtime/pipeline/progress_meter.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace wan::pipeline {
namespace {

using std::chrono::seconds;

class ProgressMeterTest : public ::testing::Test {
 protected:
  ProgressMeter meter(DecodeEstimate decode = {}) { return {sink_, decode, clock_}; }

  Progress last_;
  int reports_ = 0;
  ProgressSink sink_ = [this](const Progress& progress) {
    last_ = progress;
    ++reports_;
  };
  testing::FakeClock clock_;
};

TEST_F(ProgressMeterTest, TheFirstStepAloneIsTimedApartFromTheRest) {
  ProgressMeter meter = this->meter();
  meter.begin("Denoise", 10);
  EXPECT_LT(last_.seconds_left, 0);
  clock_.advance(seconds(5));
  meter.advance(1);
  EXPECT_EQ(last_.seconds_per_step, 5);
  EXPECT_EQ(last_.seconds_left, 45);
  clock_.advance(seconds(2));
  meter.advance(2);
  EXPECT_EQ(last_.seconds_per_step, 2);
  EXPECT_EQ(last_.seconds_left, 16);
}

TEST_F(ProgressMeterTest, HalfAStepSaysHowLongAllOfThemTake) {
  ProgressMeter meter = this->meter();
  meter.begin("Denoise", 10);
  clock_.advance(seconds(30));
  meter.within(0.5);
  EXPECT_EQ(last_.done, 0);
  EXPECT_EQ(last_.seconds_per_step, 60);
  EXPECT_EQ(last_.seconds_left, 570);
  const double percent = last_.percent;
  clock_.advance(seconds(30));
  meter.advance(1);
  EXPECT_GT(last_.percent, percent);
  EXPECT_EQ(last_.seconds_left, 540);
}

TEST_F(ProgressMeterTest, TheTimeOfDecodingIsAheadUntilItIsOver) {
  ProgressMeter meter = this->meter({.steps = 3});
  meter.begin("Denoise", 10);
  clock_.advance(seconds(2));
  meter.advance(1);
  EXPECT_EQ(last_.seconds_left, 9 * 2 + 3 * 2);
  ProgressMeter again = this->meter({.seconds = 7, .steps = 3});
  again.begin("Denoise", 10);
  clock_.advance(seconds(2));
  again.advance(1);
  EXPECT_EQ(last_.seconds_left, 9 * 2 + 7);
}

TEST_F(ProgressMeterTest, StepsOfAnEarlierRunAreDoneAndNotTimed) {
  ProgressMeter meter = this->meter();
  meter.begin("Denoise", 10, 6);
  EXPECT_EQ(last_.done, 6);
  EXPECT_LT(last_.seconds_per_step, 0);
  clock_.advance(seconds(4));
  meter.advance(7);
  EXPECT_EQ(last_.seconds_per_step, 4);
  EXPECT_EQ(last_.seconds_left, 12);
}

TEST_F(ProgressMeterTest, ReportsAtMostFiveTimesASecondAndAtTheEnd) {
  ProgressMeter meter = this->meter();
  meter.begin("Decode", 1000);
  for (int frame = 1; frame < 1000; ++frame) {
    clock_.advance(std::chrono::milliseconds(1));
    meter.advance(frame);
  }
  EXPECT_LE(reports_, 6);
  meter.advance(1000);
  EXPECT_EQ(last_.done, 1000);
}

}  // namespace
}  // namespace wan::pipeline
