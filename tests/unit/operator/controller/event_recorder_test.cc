#include "operator/controller/event_recorder.h"

#include <gtest/gtest.h>

#include "base/async/task_group.h"
#include "tests/support/fake_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/run_task.h"

namespace wan::controller {
namespace {

class EventRecorderTest : public ::testing::Test {
 protected:
  ~EventRecorderTest() override {
    tasks_.cancel();
    testing::run_task(context_, tasks_.join());
  }
  static EventNote note(const std::string& reason = "Scaled") {
    EventNote made;
    made.api_version = "wan.gallery/v1alpha1";
    made.kind = "WanDeployment";
    made.namespace_ = "ns";
    made.name = "wan-tiny";
    made.uid = "u-1";
    made.type = "Normal";
    made.reason = reason;
    made.note = "text";
    return made;
  }
  void start() { tasks_.spawn("events", recorder_.run()); }
  bool runs_until_writes(size_t count) {
    return testing::run_until(context_, [&] { return api_.writes().size() == count; });
  }

  asio::io_context context_;
  testing::FakeApi api_;
  testing::FakeClock clock_;
  EventRecorder recorder_{context_.get_executor(), api_, clock_, "pod-1"};
  TaskGroup tasks_{context_.get_executor()};
};

TEST_F(EventRecorderTest, WritesWhatDescribeShows) {
  start();
  recorder_.emit(note());
  ASSERT_TRUE(runs_until_writes(1));
  const testing::Call call = api_.writes()[0];
  EXPECT_EQ(call.verb, "create");
  EXPECT_EQ(call.resource, "events.events.k8s.io");
  EXPECT_TRUE(call.name.starts_with("ns/wan-tiny."));
  EXPECT_EQ(string_or(call.object, {"regarding", "uid"}, ""), "u-1");
  EXPECT_EQ(string_or(call.object, {"reason"}, ""), "Scaled");
  EXPECT_EQ(string_or(call.object, {"action"}, ""), "Reconcile");
}

TEST_F(EventRecorderTest, MakesASeriesOfTheSameEventAndWritesItsLastCountWhenItHasEnded) {
  start();
  for (int i = 0; i < 100; ++i) recorder_.emit(note());
  ASSERT_TRUE(runs_until_writes(2));
  const testing::Call created = api_.writes()[0];
  EXPECT_EQ(api_.writes()[1].verb, "patch");
  EXPECT_EQ(api_.writes()[1].name, created.name);
  EXPECT_EQ(int_or(api_.writes()[1].object, {"series", "count"}, 0), 2);
  clock_.advance(std::chrono::minutes(7));
  recorder_.emit(note());
  ASSERT_TRUE(runs_until_writes(4));
  EXPECT_EQ(api_.writes()[2].name, created.name);
  EXPECT_EQ(int_or(api_.writes()[2].object, {"series", "count"}, 0), 100);
  EXPECT_EQ(string_or(api_.writes()[2].object, {"series", "lastObservedTime"}, ""),
            "2026-01-31T00:00:00.000000Z");
  EXPECT_EQ(api_.writes()[3].verb, "create");
  EXPECT_NE(api_.writes()[3].name, created.name);
}

TEST_F(EventRecorderTest, WritesTheCountOfALongSeriesEveryHalfHour) {
  start();
  for (int minute = 0; minute < 65; ++minute) {
    recorder_.emit(note());
    clock_.advance(std::chrono::minutes(1));
  }
  ASSERT_TRUE(runs_until_writes(4));
  EXPECT_EQ(int_or(api_.writes()[2].object, {"series", "count"}, 0), 32);
  EXPECT_EQ(int_or(api_.writes()[3].object, {"series", "count"}, 0), 62);
}

TEST_F(EventRecorderTest, LimitsTheEventsOfOneObjectAndOfNoOther) {
  start();
  for (int i = 0; i < 40; ++i) recorder_.emit(note("Reason" + std::to_string(i)));
  EventNote other = note("Other");
  other.uid = "u-2";
  recorder_.emit(other);
  ASSERT_TRUE(runs_until_writes(26));
  EXPECT_EQ(string_or(api_.writes()[25].object, {"reason"}, ""), "Other");
  EXPECT_EQ(recorder_.lost(), 15U);
  clock_.advance(std::chrono::seconds(301));
  recorder_.emit(note("Later"));
  recorder_.emit(note("Later still"));
  ASSERT_TRUE(runs_until_writes(27));
  EXPECT_EQ(recorder_.lost(), 16U);
}

TEST_F(EventRecorderTest, KeepsAnEventWhileTheServerIsAwayButNotForEver) {
  EventSettings settings;
  settings.tries = 3;
  settings.between_tries = std::chrono::milliseconds(1);
  EventRecorder recorder(context_.get_executor(), api_, clock_, "pod-1", settings);
  for (int i = 0; i < 2 + 3; ++i) api_.fail_next("create", unavailable("connection refused"));
  recorder.emit(note("Kept"));
  recorder.emit(note("Lost"));
  recorder.emit(note("Last"));
  tasks_.spawn("events", recorder.run());
  ASSERT_TRUE(testing::run_until(context_, [&] { return api_.calls().size() == 7; }));
  tasks_.cancel();
  testing::run_task(context_, tasks_.join());
  EXPECT_EQ(recorder.lost(), 1U);
  ASSERT_EQ(api_.calls().size(), 7U);
  EXPECT_EQ(string_or(api_.calls()[2].object, {"reason"}, ""), "Kept");
  EXPECT_EQ(string_or(api_.calls()[6].object, {"reason"}, ""), "Last");
}

TEST_F(EventRecorderTest, LosesEventsRatherThanMemoryWhenNobodyTakesThem) {
  for (int i = 0; i < 5000; ++i) {
    EventNote one = note();
    one.uid = std::to_string(i);
    recorder_.emit(one);
  }
  EXPECT_EQ(recorder_.lost(), 4000U);
}

TEST_F(EventRecorderTest, GoesOnAfterARefusedEvent) {
  api_.fail_next("create", Error{ErrorCode::kPermissionDenied, "events are forbidden"});
  start();
  recorder_.emit(note("One"));
  recorder_.emit(note("Two"));
  ASSERT_TRUE(runs_until_writes(2));
  EXPECT_EQ(recorder_.lost(), 1U);
}

TEST_F(EventRecorderTest, CutsALongNoteBetweenCharacters) {
  EventNote longer = note();
  longer.note.clear();
  for (int i = 0; i < 600; ++i) longer.note += "ü";
  longer.note.insert(0, "x");
  start();
  recorder_.emit(longer);
  ASSERT_TRUE(runs_until_writes(1));
  const std::string written = string_or(api_.writes()[0].object, {"note"}, "");
  EXPECT_EQ(written.size(), 1023U);
  EXPECT_TRUE(parse_json(api_.writes()[0].object.dump()));
}

}  // namespace
}  // namespace wan::controller
