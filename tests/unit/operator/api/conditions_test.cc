#include "operator/api/conditions.h"

#include <gtest/gtest.h>

namespace wan::api {
namespace {

WallTime at(int seconds) {
  return WallTime{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31}} + std::chrono::seconds(seconds);
}

TEST(Conditions, KeepTheirTransitionTimeUntilTheStatusChanges) {
  Conditions conditions;
  mark_reconciling(conditions, {"Starting", "one"}, 1, at(0));
  mark_reconciling(conditions, {"Loading", "two"}, 1, at(10));
  EXPECT_EQ(find_condition(conditions, kReady)->last_transition_time, at(0));
  EXPECT_EQ(find_condition(conditions, kReady)->reason, "Loading");
  mark_ready(conditions, {"Running", ""}, 2, at(20));
  EXPECT_EQ(find_condition(conditions, kReady)->last_transition_time, at(20));
  EXPECT_EQ(find_condition(conditions, kReady)->observed_generation, 2);
}

TEST(Conditions, AreNeverReconcilingAndStalledAtOnce) {
  Conditions conditions;
  mark_reconciling(conditions, {"A", ""}, 1, at(0));
  EXPECT_TRUE(is_true(conditions, kReconciling));
  mark_stalled(conditions, {"B", ""}, 1, at(0));
  EXPECT_TRUE(is_true(conditions, kStalled));
  EXPECT_FALSE(find_condition(conditions, kReconciling));
  mark_reconciling(conditions, {"C", ""}, 1, at(0));
  EXPECT_FALSE(find_condition(conditions, kStalled));
  mark_ready(conditions, {"D", ""}, 1, at(0));
  EXPECT_EQ(conditions.size(), 1u);
}

TEST(Conditions, AreWrittenInWholeSecondsSoThatReadingThemBackChangesNothing) {
  Conditions conditions;
  mark_ready(conditions, {"Running", "all is well"}, 1, at(3) + std::chrono::microseconds(7));
  const Json json = Condition::table().write(conditions[0]);
  EXPECT_EQ(json["lastTransitionTime"], "2026-01-31T00:00:03Z");
  Condition back;
  ASSERT_TRUE(Condition::table().read(json, back, "condition"));
  EXPECT_EQ(back, conditions[0]);
}

TEST(Conditions, CutALongMessageBetweenCharacters) {
  Conditions conditions;
  std::string text;
  for (int i = 0; i < 600; ++i) text += "\xC3\xA4";
  mark_ready(conditions, {"Running", "x" + text}, 1, at(0));
  const std::string& cut = conditions[0].message;
  EXPECT_LE(cut.size(), 1024u);
  EXPECT_TRUE(cut.ends_with("\xC3\xA4..."));
}

}  // namespace
}  // namespace wan::api
