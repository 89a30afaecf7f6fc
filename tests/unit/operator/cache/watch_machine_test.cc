#include "operator/cache/watch_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cache/key.h"
#include "operator/kube/api_error.h"
#include "tests/support/fake_clock.h"

namespace wan::cache {
namespace {

using State = WatchMachine::State;
using kube::WatchEvent;
using kube::WatchEventType;

Json object(const std::string& version) {
  Json made = Json::object();
  made["metadata"]["resourceVersion"] = version;
  return made;
}

WatchEvent event(WatchEventType type, const std::string& version) {
  return WatchEvent{type, object(version)};
}

WatchEvent error_event(int code) {
  Json status = Json::object();
  status["code"] = code;
  return WatchEvent{WatchEventType::kError, status};
}

Error refused(int code) {
  net::Response response;
  response.status = static_cast<unsigned>(code);
  return kube::response_error(response, "watch");
}

class WatchMachineTest : public ::testing::Test {
 protected:
  std::vector<Event> step(Outcome outcome) { return machine_.step(std::move(outcome), clock_.steady(), 0.0); }
  std::vector<Event> list(const std::string& version, size_t items = 1, const std::string& more = "") {
    kube::ListPage page;
    page.resource_version = version;
    page.continue_token = more;
    for (size_t i = 0; i < items; ++i) page.items.push_back(object(version));
    return step(Listed{std::move(page)});
  }
  void watch() {
    list("10");
    step(WatchOpened());
  }
  std::chrono::milliseconds waits() {
    const Request request = machine_.request();
    const auto* wait = std::get_if<DoWait>(&request);
    return wait == nullptr ? std::chrono::milliseconds(0) : wait->duration;
  }
  std::string watches_from() {
    const Request request = machine_.request();
    const auto* watch = std::get_if<DoWatch>(&request);
    return watch == nullptr ? "" : watch->resource_version;
  }
  bool lists_from_the_start() {
    const Request request = machine_.request();
    const auto* list = std::get_if<DoList>(&request);
    return list != nullptr && list->continue_token.empty();
  }

  testing::FakeClock clock_;
  WatchMachine machine_;
};

TEST_F(WatchMachineTest, ListsAllPagesThenWatchesFromTheirVersion) {
  EXPECT_TRUE(lists_from_the_start());
  const auto first = list("10", 2, "next");
  ASSERT_EQ(first.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<InitBegan>(first[0]));
  EXPECT_EQ(std::get<DoList>(machine_.request()).continue_token, "next");
  const auto second = list("10", 1);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(std::get<InitDone>(second[1]).resource_version, "10");
  EXPECT_EQ(watches_from(), "10");
}

TEST_F(WatchMachineTest, PassesEventsOnAndAdvancesItsVersion) {
  watch();
  const auto told =
      step(WatchRead{{event(WatchEventType::kAdded, "11"), event(WatchEventType::kDeleted, "12"),
                      event(WatchEventType::kBookmark, "20")}});
  ASSERT_EQ(told.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<Applied>(told[0]));
  EXPECT_TRUE(std::holds_alternative<Deleted>(told[1]));
  EXPECT_EQ(std::get<Advanced>(told[2]).resource_version, "20");
  EXPECT_TRUE(std::holds_alternative<DoRead>(machine_.request()));
  clock_.advance(std::chrono::minutes(6));
  step(WatchRead{});
  EXPECT_EQ(watches_from(), "20");
}

TEST_F(WatchMachineTest, WatchesAgainAtOnceAfterAnOrdinaryEnd) {
  watch();
  clock_.advance(std::chrono::minutes(5));
  step(WatchRead{});
  EXPECT_EQ(machine_.state(), State::kListed);
  EXPECT_EQ(watches_from(), "10");
  EXPECT_EQ(machine_.trouble(), nullptr);
}

TEST_F(WatchMachineTest, BacksOffWhenAWatchEndsAtOnceWithoutAnEvent) {
  watch();
  step(WatchRead{});
  EXPECT_EQ(waits().count(), 800);
  step(Waited());
  EXPECT_EQ(watches_from(), "10");
  step(WatchOpened());
  step(WatchRead{});
  EXPECT_EQ(waits().count(), 1600);
}

TEST_F(WatchMachineTest, ListsAgainAtOnceWhenTheVersionIsGone) {
  watch();
  step(WatchRead{{event(WatchEventType::kAdded, "11"), error_event(410)}});
  EXPECT_TRUE(lists_from_the_start());

  list("30");
  step(refused(410));
  EXPECT_TRUE(lists_from_the_start());
}

TEST_F(WatchMachineTest, BacksOffWhenTheVersionOfAFreshListIsGoneAgain) {
  list("10", 1, "next");
  step(refused(410));
  EXPECT_TRUE(lists_from_the_start());
  list("10", 1, "next");
  step(refused(410));
  EXPECT_EQ(waits().count(), 800);
}

TEST_F(WatchMachineTest, KeepsItsVersionWhileTheServerIsDownOrBusy) {
  watch();
  step(WatchRead{{event(WatchEventType::kAdded, "11")}});
  step(unavailable("connection reset"));
  EXPECT_EQ(watches_from(), "11");
  for (const int expected : {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}) {
    step(unavailable("connection refused"));
    EXPECT_EQ(waits().count(), expected);
    step(Waited());
    EXPECT_EQ(watches_from(), "11");
  }
  step(refused(429));
  step(Waited());
  EXPECT_EQ(watches_from(), "11");
}

TEST_F(WatchMachineTest, StartsTheBackoffAnewAfterTwoQuietMinutes) {
  watch();
  for (int i = 0; i < 5; ++i) {
    step(unavailable("refused"));
    step(Waited());
  }
  clock_.advance(std::chrono::minutes(3));
  step(unavailable("refused"));
  EXPECT_EQ(waits().count(), 800);
}

TEST_F(WatchMachineTest, ListsAgainAfterAnEventThatCannotBeRead) {
  watch();
  step(corrupt("not JSON"));
  EXPECT_EQ(waits().count(), 800);
  step(Waited());
  EXPECT_TRUE(lists_from_the_start());
}

TEST_F(WatchMachineTest, KeepsAskingForAResourceThatIsNotServedYet) {
  step(refused(404));
  ASSERT_NE(machine_.trouble(), nullptr);
  EXPECT_TRUE(kube::is_not_found(*machine_.trouble()));
  step(Waited());
  EXPECT_TRUE(lists_from_the_start());
  list("10");
  EXPECT_EQ(machine_.trouble(), nullptr);
}

TEST_F(WatchMachineTest, TellsNothingOfAListThatBreaksOff) {
  const auto first = list("10", 1, "next");
  step(unavailable("reset"));
  step(Waited());
  EXPECT_TRUE(lists_from_the_start());
  const auto again = list("11");
  EXPECT_TRUE(std::holds_alternative<InitBegan>(again[0]));
}

TEST_F(WatchMachineTest, RefusesAListThatIsOlderThanWhatItHasSeen) {
  watch();
  step(WatchRead{{event(WatchEventType::kBookmark, "1000")}});
  step(WatchRead{{error_event(410)}});
  EXPECT_TRUE(list("999").empty()) << "nothing may be told of it";
  ASSERT_NE(machine_.trouble(), nullptr);
  EXPECT_NE(machine_.trouble()->message.find("version 999, older than 1000"), std::string::npos);
  EXPECT_EQ(waits().count(), 800);
  step(Waited());
  EXPECT_TRUE(lists_from_the_start());
  const auto told = list("1000");
  EXPECT_EQ(std::get<InitDone>(told.back()).resource_version, "1000");
  EXPECT_EQ(machine_.trouble(), nullptr);
}

// The worst case of a server that is down: each request fails at once.
TEST_F(WatchMachineTest, AsksAServerThatIsDownLessThanOnceInFourSeconds) {
  watch();
  int requests = 0;
  const SteadyTime begin = clock_.steady();
  while (clock_.steady() - begin < std::chrono::minutes(5)) {
    if (waits().count() > 0) {
      clock_.advance(waits());
      step(Waited());
    } else {
      ++requests;
      step(unavailable("connection refused"));
    }
  }
  EXPECT_LE(requests, 300 / 4);
  EXPECT_GE(requests, 10);
}

class WatchListTest : public WatchMachineTest {
 protected:
  WatchListTest() { machine_ = WatchMachine({}, WatchMachine::FirstRead::kWatch); }
  static WatchEvent initial_events_end(const std::string& version) {
    WatchEvent bookmark = event(WatchEventType::kBookmark, version);
    bookmark.object["metadata"]["annotations"]["k8s.io/initial-events-end"] = "true";
    return bookmark;
  }
  bool watches_from_the_start() {
    const Request request = machine_.request();
    const auto* watch = std::get_if<DoWatch>(&request);
    return watch != nullptr && watch->initial_events && watch->resource_version.empty();
  }
  std::vector<Event> stream(std::vector<WatchEvent> events) {
    auto told = step(WatchOpened());
    for (Event& event : step(WatchRead{std::move(events)})) told.push_back(std::move(event));
    return told;
  }
};

TEST_F(WatchListTest, ReadsEverythingFromTheWatchAndGoesOnWatching) {
  EXPECT_TRUE(watches_from_the_start());
  const auto told = stream({event(WatchEventType::kAdded, "3"), event(WatchEventType::kAdded, "4"),
                            event(WatchEventType::kBookmark, "5"), event(WatchEventType::kDeleted, "6"),
                            initial_events_end("7"), event(WatchEventType::kModified, "8")});
  ASSERT_EQ(told.size(), 6U);
  EXPECT_TRUE(std::holds_alternative<InitBegan>(told[0]));
  EXPECT_TRUE(std::holds_alternative<InitItem>(told[1]));
  EXPECT_TRUE(std::holds_alternative<InitItem>(told[2]));
  EXPECT_TRUE(std::holds_alternative<InitRemoved>(told[3]));
  EXPECT_EQ(std::get<InitDone>(told[4]).resource_version, "7");
  EXPECT_TRUE(std::holds_alternative<Applied>(told[5]));
  EXPECT_TRUE(std::holds_alternative<DoRead>(machine_.request()));
  clock_.advance(std::chrono::minutes(5));
  step(WatchRead{});
  EXPECT_EQ(watches_from(), "8");
}

TEST_F(WatchListTest, ListsFromNowOnWhenTheServerRefuses) {
  step(refused(422));
  EXPECT_TRUE(lists_from_the_start());
  EXPECT_EQ(waits().count(), 0);
  list("10");
  step(refused(410));
  EXPECT_TRUE(lists_from_the_start()) << "it would refuse again";
}

TEST_F(WatchListTest, ListsOnceAfterATroubleOfTheServerOrAnEventThatCannotBeRead) {
  for (const Error& trouble : {refused(500), refused(403), corrupt("not JSON")}) {
    step(trouble);
    EXPECT_TRUE(lists_from_the_start()) << trouble.message;
    list("10");
    step(refused(410));
    EXPECT_TRUE(watches_from_the_start());
  }
}

TEST_F(WatchListTest, WaitsAndListsWhenTheStreamBreaksOffOrFallsSilentBeforeItsEnd) {
  for (const bool ends : {true, false}) {
    stream({event(WatchEventType::kAdded, "3")});
    step(ends ? Outcome(WatchRead{}) : Outcome(Error{ErrorCode::kDeadlineExceeded, "silent"}));
    EXPECT_GT(waits().count(), 0);
    step(Waited());
    EXPECT_TRUE(lists_from_the_start());
    list("10");
    step(refused(410));
  }
}

TEST_F(WatchListTest, WaitsForAServerThatIsDownAndForAResourceThatIsNotServed) {
  step(refused(404));
  EXPECT_EQ(waits().count(), 800);
  step(Waited());
  EXPECT_TRUE(watches_from_the_start());
  step(unavailable("refused"));
  EXPECT_EQ(waits().count(), 1600);
}

TEST_F(WatchListTest, StartsOverWhenTheVersionIsGoneInTheMiddle) {
  stream({event(WatchEventType::kAdded, "3"), error_event(410)});
  EXPECT_TRUE(watches_from_the_start());
  EXPECT_EQ(waits().count(), 0);
}

TEST_F(WatchListTest, RefusesAStateThatIsOlderThanWhatItHasSeen) {
  stream({initial_events_end("20"), event(WatchEventType::kAdded, "21")});
  step(WatchRead{{error_event(410)}});
  const auto told = stream({event(WatchEventType::kAdded, "3"), initial_events_end("20")});
  for (const Event& event : told) EXPECT_FALSE(std::holds_alternative<InitDone>(event));
  EXPECT_EQ(waits().count(), 800);
}

TEST(BackoffTest, StretchesByUpToAsMuchAgainButNeverBeyondTheCap) {
  testing::FakeClock clock;
  Backoff backoff;
  EXPECT_EQ(backoff.next(clock.steady(), 0.5).count(), 1200);
  EXPECT_EQ(backoff.next(clock.steady(), 0.999).count(), 3198);
  for (int i = 0; i < 10; ++i) EXPECT_LE(backoff.next(clock.steady(), 0.999).count(), 30000);
}

TEST(VersionTest, ComparesVersionsAsNumbersOfAnyLength) {
  EXPECT_TRUE(version_less("9", "10"));
  EXPECT_TRUE(version_less("", "1"));
  EXPECT_FALSE(version_less("10", "10"));
  EXPECT_TRUE(
      version_less("340282366920938463463374607431768211454", "340282366920938463463374607431768211455"));
}

}  // namespace
}  // namespace wan::cache
