#include "operator/cache/watcher.h"

#include <gtest/gtest.h>

#include "base/async/task_group.h"
#include "tests/support/fake_api.h"
#include "tests/support/run_task.h"

namespace wan::cache {
namespace {

using kube::WatchEvent;
using kube::WatchEventType;

struct Recorder final : Sink {
  void handle(Event event) override {
    if (std::holds_alternative<InitBegan>(event)) log += "[";
    if (std::holds_alternative<InitItem>(event)) log += "i";
    if (std::holds_alternative<InitRemoved>(event)) log += "x";
    if (std::holds_alternative<InitDone>(event)) log += "]";
    if (std::holds_alternative<Applied>(event)) log += "a";
    if (std::holds_alternative<Deleted>(event)) log += "d";
    if (std::holds_alternative<Advanced>(event)) log += "b";
  }
  std::string log;
};

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() {
    WatcherSettings settings;
    settings.resource = kube::kPods;
    settings.backoff.first = std::chrono::milliseconds(1);
    watcher_ = std::make_unique<Watcher>(api_, clock_, settings, sink_, [] {});
    Json pod = Json::object();
    pod["metadata"]["name"] = "p";
    api_.put(kube::kPods, pod);
  }
  ~WatcherTest() override {
    tasks_.cancel();
    testing::run_task(context_, tasks_.join());
  }
  static WatchEvent event(WatchEventType type, const std::string& version) {
    Json object = Json::object();
    object["metadata"]["resourceVersion"] = version;
    return WatchEvent{type, object};
  }
  bool runs_until_log_is(const std::string& wanted) {
    return testing::run_until(context_, [&] { return sink_.log == wanted; });
  }

  asio::io_context context_;
  testing::FakeApi api_;
  SystemClock clock_;
  Recorder sink_;
  std::unique_ptr<Watcher> watcher_;
  TaskGroup tasks_{context_.get_executor()};
};

TEST_F(WatcherTest, ListsThenFollowsOneWatchAfterAnother) {
  using Reads = std::vector<Result<std::vector<WatchEvent>>>;
  api_.script_watch(Reads{std::vector{event(WatchEventType::kModified, "200")},
                          std::vector{event(WatchEventType::kBookmark, "250")}});
  api_.script_watch(Reads{std::vector{event(WatchEventType::kDeleted, "300")}});
  tasks_.spawn("watcher", watcher_->run());
  EXPECT_TRUE(runs_until_log_is("[i]abd")) << sink_.log;
  EXPECT_TRUE(testing::run_until(context_, [&] { return api_.watched_from().size() == 3; }));
  EXPECT_EQ(api_.watched_from()[1], "250");
  EXPECT_EQ(api_.watched_from()[2], "300");
}

TEST_F(WatcherTest, ListsAgainAfterTheVersionIsGone) {
  Json gone = Json::object();
  gone["code"] = 410;
  using Reads = std::vector<Result<std::vector<WatchEvent>>>;
  api_.script_watch(Reads{std::vector{WatchEvent{WatchEventType::kError, gone}}});
  tasks_.spawn("watcher", watcher_->run());
  EXPECT_TRUE(runs_until_log_is("[i][i]")) << sink_.log;
}

TEST_F(WatcherTest, WaitsForAServerThatIsDownAndForAResourceThatIsMissing) {
  api_.fail_next("list", unavailable("connection refused"));
  api_.fail_next("list", not_found("no such resource"));
  std::string seen;
  tasks_.spawn("watcher", watcher_->run());
  EXPECT_TRUE(testing::run_until(context_, [&] {
    if (!watcher_->trouble().empty()) seen = watcher_->trouble();
    return sink_.log == "[i]";
  }));
  EXPECT_EQ(watcher_->trouble(), "");
  EXPECT_NE(seen.find("does not serve pods (v1): install the CRDs"), std::string::npos) << seen;
}

TEST_F(WatcherTest, ReadsEverythingFromAWatchWhereTheServerCan) {
  api_.serve_initial_events(true);
  WatchEvent end = event(WatchEventType::kBookmark, "250");
  end.object["metadata"]["annotations"]["k8s.io/initial-events-end"] = "true";
  using Reads = std::vector<Result<std::vector<WatchEvent>>>;
  api_.script_watch(Reads{std::vector{event(WatchEventType::kAdded, "200")},
                          std::vector{event(WatchEventType::kAdded, "201"), end}});
  tasks_.spawn("watcher", watcher_->run());
  EXPECT_TRUE(runs_until_log_is("[ii]")) << sink_.log;
  EXPECT_TRUE(testing::run_until(context_, [&] { return api_.watched_from().size() == 2; }));
  EXPECT_EQ(api_.watched_from()[1], "250");
  for (const testing::Call& call : api_.calls()) EXPECT_NE(call.verb, "list");
}

}  // namespace
}  // namespace wan::cache
