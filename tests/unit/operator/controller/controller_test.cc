#include "operator/controller/controller.h"

#include <deque>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_task.h"

namespace wan::controller {
namespace {

using ::testing::ElementsAre;

class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() {
    settings_.name = "test";
    settings_.workers = 2;
    settings_.retry.first = std::chrono::milliseconds(1);
  }
  ~ControllerTest() override {
    if (!controller_) return;
    controller_->stop();
    testing::run_task(context_, tasks_.join());
  }
  // Every reconcile logs its key, waits for `gate_` to open, and returns the next of `outcomes_`.
  void start() {
    controller_ = std::make_unique<Controller>(context_.get_executor(), clock_, settings_,
                                               [this](Key key) { return reconcile(std::move(key)); });
    tasks_.spawn("controller", controller_->run());
  }
  Task<Result<Outcome>> reconcile(Key key) {
    log_.push_back(key.name);
    ++running_;
    most_running_ = std::max(most_running_, running_);
    while (!open_) {
      const Status waited = co_await sleep_for(std::chrono::milliseconds(1));
      if (!waited) break;
    }
    --running_;
    if (outcomes_.empty()) co_return Outcome();
    Result<Outcome> next = std::move(outcomes_.front());
    outcomes_.pop_front();
    if (!next && next.error().message == "throw") throw std::runtime_error("thrown");
    co_return next;
  }
  bool runs_until(const std::function<bool()>& condition) { return testing::run_until(context_, condition); }

  asio::io_context context_;
  SystemClock clock_;
  ControllerSettings settings_;
  std::deque<Result<Outcome>> outcomes_;
  std::vector<std::string> log_;
  int running_ = 0;
  int most_running_ = 0;
  bool open_ = true;
  std::unique_ptr<Controller> controller_;
  TaskGroup tasks_{context_.get_executor()};
};

TEST_F(ControllerTest, ReconcilesSeveralKeysAtOnceButNeverOneKeyTwice) {
  open_ = false;
  start();
  for (const char* name : {"a", "b", "c"}) controller_->enqueue({"ns", name});
  ASSERT_TRUE(runs_until([&] { return running_ == 2; }));
  controller_->enqueue({"ns", "a"});
  open_ = true;
  ASSERT_TRUE(runs_until([&] { return controller_->counters().succeeded == 4; }));
  EXPECT_THAT(log_, ElementsAre("a", "b", "c", "a"));
  EXPECT_EQ(most_running_, 2);
}

TEST_F(ControllerTest, TriesAgainAfterAnErrorAndAnException) {
  outcomes_.push_back(fail(unavailable("down")));
  outcomes_.push_back(fail(internal_error("throw")));
  start();
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return controller_->counters().succeeded == 1; }));
  EXPECT_EQ(controller_->counters().failed, 2U);
  EXPECT_EQ(controller_->queue().failures({"ns", "a"}), 0);
}

TEST_F(ControllerTest, LooksAgainWhenThePlanAsksForIt) {
  outcomes_.push_back(Outcome{std::chrono::milliseconds(3)});
  start();
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return controller_->counters().succeeded == 1; }));
  EXPECT_EQ(controller_->counters().requeued_after, 1U);
}

TEST_F(ControllerTest, WaitsForAChangeAfterARefusalOfTheServer) {
  outcomes_.push_back(fail(invalid_argument("spec is wrong")));
  start();
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return controller_->counters().terminal == 1; }));
  EXPECT_GT(*controller_->queue().next_due(), clock_.steady() + std::chrono::minutes(1));
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return controller_->counters().succeeded == 1; }));
}

TEST_F(ControllerTest, EndsWhatRunsBeforeItStops) {
  open_ = false;
  start();
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return running_ == 1; }));
  controller_->stop();
  controller_->enqueue({"ns", "b"});
  open_ = true;
  testing::run_task(context_, tasks_.join());
  EXPECT_THAT(log_, ElementsAre("a"));
  EXPECT_EQ(running_, 0);
}

TEST_F(ControllerTest, BreaksOffWhatRunsWhenLeadershipIsLost) {
  open_ = false;
  start();
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return running_ == 1; }));
  controller_->cancel();
  testing::run_task(context_, tasks_.join());
  EXPECT_EQ(running_, 0);
}

TEST_F(ControllerTest, ReconcilesAUsersEditBeforeTenThousandObjectsOfTheStart) {
  settings_.workers = 1;
  open_ = false;
  start();
  for (int i = 0; i < 10'000; ++i) {
    controller_->enqueue({"ns", "k" + std::to_string(i)}, Priority::kLow);
  }
  ASSERT_TRUE(runs_until([&] { return running_ == 1; }));
  controller_->enqueue({"ns", "edited"}, Priority::kHigh);
  open_ = true;
  ASSERT_TRUE(runs_until([&] { return log_.size() >= 3; }));
  EXPECT_EQ(log_[1], "edited");
}

TEST_F(ControllerTest, IsCountedUnderTheNamesThatDashboardsExpect) {
  metrics::Registry registry;
  settings_.metrics = &registry;
  outcomes_.push_back(fail(unavailable("down")));
  outcomes_.push_back(fail(internal_error("throw")));
  outcomes_.push_back(Outcome{std::chrono::milliseconds(1)});
  start();
  controller_->enqueue({"ns", "a"});
  ASSERT_TRUE(runs_until([&] { return controller_->counters().succeeded == 1; }));
  outcomes_.push_back(fail(invalid_argument("spec is wrong")));
  controller_->enqueue({"ns", "b"});
  ASSERT_TRUE(runs_until([&] { return controller_->counters().terminal == 1; }));
  const std::string text = registry.text();
  for (const char* sample : {
           R"(controller_runtime_reconcile_total{controller="test",result="success"} 1)",
           R"(controller_runtime_reconcile_total{controller="test",result="requeue_after"} 1)",
           R"(controller_runtime_reconcile_total{controller="test",result="error"} 3)",
           R"(controller_runtime_reconcile_errors_total{controller="test"} 3)",
           R"(controller_runtime_terminal_reconcile_errors_total{controller="test"} 1)",
           R"(controller_runtime_reconcile_panics_total{controller="test"} 1)",
           R"(controller_runtime_reconcile_time_seconds_count{controller="test"} 5)",
           R"(controller_runtime_max_concurrent_reconciles{controller="test"} 2)",
           R"(controller_runtime_active_workers{controller="test"} 0)",
           R"(workqueue_adds_total{controller="test",name="test"} 5)",
           R"(workqueue_retries_total{controller="test",name="test"} 2)",
           R"(workqueue_queue_duration_seconds_count{controller="test",name="test"} 5)",
           R"(workqueue_work_duration_seconds_count{controller="test",name="test"} 5)",
           R"(workqueue_depth{controller="test",name="test",priority="-100"} 0)",
           R"(workqueue_depth{controller="test",name="test",priority="0"} 0)",
           R"(workqueue_depth{controller="test",name="test",priority="100"} 0)",
           R"(workqueue_unfinished_work_seconds{controller="test",name="test"} 0)",
           R"(workqueue_longest_running_processor_seconds{controller="test",name="test"} 0)",
       }) {
    EXPECT_THAT(text, ::testing::HasSubstr(std::string(sample) + "\n"));
  }
}

}  // namespace
}  // namespace wan::controller
