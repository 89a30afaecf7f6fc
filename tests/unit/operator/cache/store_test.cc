#include "operator/cache/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wan::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Thing {
  api::Meta metadata;
  std::string colour;
};

Result<Thing> read_thing(const Json& object) {
  Thing thing;
  thing.metadata.namespace_ = string_or(object, {"metadata", "namespace"}, "");
  thing.metadata.name = string_or(object, {"metadata", "name"}, "");
  thing.metadata.uid = string_or(object, {"metadata", "uid"}, "");
  thing.metadata.resource_version = string_or(object, {"metadata", "resourceVersion"}, "");
  thing.colour = string_or(object, {"colour"}, "");
  if (thing.colour == "unreadable") return fail(invalid_argument("no such colour"));
  return thing;
}

Json thing(const std::string& name, const std::string& version, const std::string& colour = "red",
           const std::string& uid = "", const std::string& namespace_ = "ns") {
  Json made = Json::object();
  made["metadata"]["namespace"] = namespace_;
  made["metadata"]["name"] = name;
  made["metadata"]["uid"] = uid.empty() ? "uid-" + name : uid;
  made["metadata"]["resourceVersion"] = version;
  made["colour"] = colour;
  return made;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    by_colour_ = store_.add_index([](const Thing& t) { return std::vector<std::string>{t.colour}; });
    store_.listen([this](const Thing* before, const Thing* after) {
      log_.push_back((before ? before->metadata.name + "@" + before->metadata.resource_version : "-") + ">" +
                     (after ? after->metadata.name + "@" + after->metadata.resource_version : "-"));
    });
  }
  void list(Sink& sink, const std::vector<Json>& objects, const std::string& version) {
    sink.handle(InitBegan());
    for (const Json& object : objects) sink.handle(InitItem{object});
    sink.handle(InitDone{version});
  }
  std::vector<std::string> coloured(const std::string& colour) {
    std::vector<std::string> names;
    for (const Thing* found : store_.by(by_colour_, colour)) names.push_back(found->metadata.name);
    return names;
  }

  Store<Thing> store_{"things", read_thing};
  size_t by_colour_ = 0;
  Sink& all_ = store_.writer("");
  std::vector<std::string> log_;
};

TEST_F(StoreTest, ShowsAListOnlyWhenItIsComplete) {
  all_.handle(InitBegan());
  all_.handle(InitItem{thing("a", "1")});
  EXPECT_FALSE(store_.synced());
  EXPECT_TRUE(store_.all().empty());
  all_.handle(InitDone{"5"});
  EXPECT_TRUE(store_.synced());
  EXPECT_EQ(store_.all().size(), 1U);
  EXPECT_THAT(log_, ElementsAre("->a@1"));
}

TEST_F(StoreTest, TellsRemovalsThatHappenedWhileNobodyWatched) {
  list(all_, {thing("a", "1"), thing("b", "2"), thing("c", "3")}, "5");
  log_.clear();
  list(all_, {thing("b", "2"), thing("c", "8"), thing("d", "9")}, "10");
  EXPECT_THAT(log_, ElementsAre("a@1>-", "c@3>c@8", "->d@9"));
  EXPECT_EQ(store_.find({"ns", "a"}), nullptr);
}

TEST_F(StoreTest, TellsAnObjectThatWasMadeAnewAsRemovedThenAdded) {
  list(all_, {thing("a", "1")}, "1");
  log_.clear();
  list(all_, {thing("a", "7", "red", "another")}, "8");
  EXPECT_THAT(log_, ElementsAre("a@1>-", "->a@7"));
  log_.clear();
  all_.handle(Applied{thing("a", "9", "red", "a third")});
  EXPECT_THAT(log_, ElementsAre("a@7>-", "->a@9"));
}

TEST_F(StoreTest, KeepsItsIndexesRight) {
  list(all_, {thing("a", "1"), thing("b", "2")}, "2");
  EXPECT_THAT(coloured("red"), ElementsAre("a", "b"));
  all_.handle(Applied{thing("a", "3", "blue")});
  EXPECT_THAT(coloured("red"), ElementsAre("b"));
  EXPECT_THAT(coloured("blue"), ElementsAre("a"));
  all_.handle(Deleted{thing("b", "4")});
  EXPECT_THAT(coloured("red"), IsEmpty());
  list(all_, {thing("c", "9", "blue")}, "9");
  EXPECT_THAT(coloured("blue"), ElementsAre("c"));
}

TEST_F(StoreTest, KeepsWhatItKnowsOfAnObjectThatItCannotRead) {
  list(all_, {thing("a", "1")}, "1");
  all_.handle(Applied{thing("a", "2", "unreadable")});
  EXPECT_EQ(store_.find({"ns", "a"})->colour, "red");
  all_.handle(Applied{Json::object()});
  EXPECT_EQ(store_.all().size(), 1U);
}

TEST_F(StoreTest, KnowsWhichWritesItHasSeen) {
  list(all_, {thing("a", "5")}, "9");
  EXPECT_TRUE(store_.has_seen({"ns", "a"}, "5"));
  EXPECT_TRUE(store_.has_seen({"ns", "gone"}, "9"));
  EXPECT_FALSE(store_.has_seen({"ns", "a"}, "10"));
  all_.handle(Advanced{"12"});
  EXPECT_TRUE(store_.has_seen({"ns", "a"}, "10"));
}

TEST(ScopedStoreTest, ListsOfOneNamespaceLeaveTheOthersAlone) {
  Store<Thing> store("things", read_thing);
  Sink& one = store.writer("one");
  Sink& two = store.writer("two");
  one.handle(InitBegan());
  one.handle(InitItem{thing("a", "1", "red", "u1", "one")});
  one.handle(InitDone{"1"});
  EXPECT_FALSE(store.synced());
  two.handle(InitBegan());
  two.handle(InitItem{thing("a", "2", "red", "u2", "two")});
  two.handle(InitDone{"2"});
  EXPECT_TRUE(store.synced());
  two.handle(InitBegan());
  two.handle(InitDone{"3"});
  EXPECT_NE(store.find({"one", "a"}), nullptr);
  EXPECT_EQ(store.find({"two", "a"}), nullptr);
  EXPECT_FALSE(store.has_seen({"one", "x"}, "3"));
}

TEST_F(StoreTest, KeepsTheLastStateOfAnObjectThatANewListMakesUnreadable) {
  list(all_, {thing("a", "1"), thing("b", "1")}, "5");
  log_.clear();
  list(all_, {thing("a", "6", "unreadable"), thing("b", "6", "unreadable", "another uid")}, "7");
  ASSERT_NE(store_.find({"ns", "a"}), nullptr);
  EXPECT_EQ(store_.find({"ns", "a"})->metadata.resource_version, "1");
  EXPECT_EQ(store_.find({"ns", "b"}), nullptr) << "that one has gone";
  EXPECT_THAT(log_, ElementsAre("b@1>-"));
}

TEST_F(StoreTest, LeavesOutWhatWentWhileTheListWasBeingTold) {
  all_.handle(InitBegan());
  all_.handle(InitItem{thing("a", "1")});
  all_.handle(InitItem{thing("b", "2")});
  all_.handle(InitRemoved{thing("a", "3")});
  all_.handle(InitDone{"4"});
  EXPECT_THAT(log_, ElementsAre("->b@2"));
}

}  // namespace
}  // namespace wan::cache
