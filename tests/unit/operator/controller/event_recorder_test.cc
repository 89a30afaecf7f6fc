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

TEST_F(EventRecorderTest, MakesASeriesOfTheSameEvent) {
  start();
  for (int i = 0; i < 100; ++i) recorder_.emit(note());
  ASSERT_TRUE(runs_until_writes(2));
  EXPECT_EQ(api_.writes()[1].verb, "patch");
  EXPECT_EQ(int_or(api_.writes()[1].object, {"series", "count"}, 0), 100);
  clock_.advance(std::chrono::minutes(7));
  recorder_.emit(note());
  ASSERT_TRUE(runs_until_writes(3));
  EXPECT_EQ(api_.writes()[2].verb, "create");
}

TEST_F(EventRecorderTest, LosesEventsRatherThanMemoryWhenNobodyTakesThem) {
  for (int i = 0; i < 5000; ++i) recorder_.emit(note("Reason" + std::to_string(i)));
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
