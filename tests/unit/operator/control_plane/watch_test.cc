// What the watchers rely on, asked of the real API server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cache/watcher.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::UnorderedElementsAre;

// The real API, counted, and with watches that begin with everything refused where an old server would.
class CountedApi final : public kube::Api {
 public:
  CountedApi(kube::Api& api, bool old) : api_(api), old_(old) {}
  int lists = 0;
  int initial_watches = 0;

  Task<Result<Json>> get(kube::Resource resource, std::string namespace_, std::string name) override {
    return api_.get(resource, std::move(namespace_), std::move(name));
  }
  Task<Result<kube::ListPage>> list(kube::Resource resource, kube::ListOptions options) override {
    ++lists;
    options.limit = 10;
    return api_.list(resource, std::move(options));
  }
  Task<Result<std::unique_ptr<kube::WatchStream>>> watch(kube::Resource resource,
                                                         kube::WatchOptions options) override {
    if (options.initial_events) ++initial_watches;
    // A selector that no server can read: the refusal is the server's own.
    if (options.initial_events && old_) options.label_selector = "no selector!";
    return api_.watch(resource, std::move(options));
  }
  Task<Result<Json>> create(kube::Resource resource, Json object) override {
    return api_.create(resource, std::move(object));
  }
  Task<Result<Json>> update(kube::Resource resource, Json object) override {
    return api_.update(resource, std::move(object));
  }
  Task<Result<Json>> apply(kube::Resource resource, Json object, std::string field_manager,
                           std::string subresource) override {
    return api_.apply(resource, std::move(object), std::move(field_manager), std::move(subresource));
  }
  Task<Result<Json>> merge_patch(kube::Resource resource, std::string namespace_, std::string name,
                                 Json patch) override {
    return api_.merge_patch(resource, std::move(namespace_), std::move(name), std::move(patch));
  }
  Task<Status> remove(kube::Resource resource, std::string namespace_, std::string name,
                      kube::DeleteOptions options) override {
    return api_.remove(resource, std::move(namespace_), std::move(name), std::move(options));
  }

 private:
  kube::Api& api_;
  bool old_;
};

struct Names final : cache::Sink {
  void handle(cache::Event event) override {
    if (const auto* item = std::get_if<cache::InitItem>(&event)) note(collected, item->object);
    if (std::holds_alternative<cache::InitDone>(event)) {
      names = collected;
      ++complete;
    }
    if (const auto* applied = std::get_if<cache::Applied>(&event)) note(names, applied->object);
    if (const auto* deleted = std::get_if<cache::Deleted>(&event)) {
      names.erase(string_or(deleted->object, {"metadata", "name"}, ""));
    }
  }
  static void note(std::set<std::string>& into, const Json& object) {
    EXPECT_FALSE(string_or(object, {"metadata", "uid"}, "").empty());
    into.insert(string_or(object, {"metadata", "name"}, ""));
  }
  std::set<std::string> collected;
  std::set<std::string> names;
  int complete = 0;
};

class WatchTest : public ControlPlaneTest {
 protected:
  ~WatchTest() override {
    tasks_.cancel();
    testing::run_task(context_, tasks_.join());
  }
  void make(const std::string& name) {
    const auto made =
        create(kube::kSecrets, "{apiVersion: v1, kind: Secret, metadata: {name: " + name + "}}");
    ASSERT_TRUE(made) << made.error().message;
  }
  // Starts with 25 objects, then adds one and removes another.
  void follow(bool old_server) {
    counted_.emplace(*api_, old_server);
    for (int i = 0; i < 25; ++i) make("s" + std::to_string(i));
    cache::WatcherSettings settings;
    settings.resource = kube::kSecrets;
    settings.namespace_ = namespace_;
    watcher_ = std::make_unique<cache::Watcher>(*counted_, clock_, settings, names_, [] {});
    tasks_.spawn("watcher", watcher_->run());
    ASSERT_TRUE(wait_until([&] { return names_.complete == 1; })) << watcher_->trouble();
    EXPECT_EQ(names_.names.size(), 25U);
    make("later");
    ASSERT_TRUE(remove(kube::kSecrets, "s0"));
    EXPECT_TRUE(wait_until([&] { return names_.names.contains("later") && !names_.names.contains("s0"); }));
    EXPECT_EQ(names_.complete, 1);
    EXPECT_EQ(names_.names.size(), 25U);
    EXPECT_EQ(watcher_->trouble(), "");
  }

  std::optional<CountedApi> counted_;
  Names names_;
  std::unique_ptr<cache::Watcher> watcher_;
  TaskGroup tasks_{context_.get_executor()};
};

TEST_F(WatchTest, BeginsWithEverythingWithoutAList) {
  follow(false);
  EXPECT_EQ(counted_->initial_watches, 1);
  EXPECT_EQ(counted_->lists, 0);
}

TEST_F(WatchTest, ListsInPagesWhereTheServerRefusesThat) {
  follow(true);
  EXPECT_EQ(counted_->initial_watches, 1);
  EXPECT_EQ(counted_->lists, 3);
}

}  // namespace
}  // namespace wan
