#include "operator/kube/client.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "operator/kube/api_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/run_task.h"
#include "tests/support/scripted_server.h"

namespace wan::kube {
namespace {

using testing::answer;
using testing::chunked_answer;
using testing::Ending;
using testing::run_task;

constexpr const char* kPod = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"ns"}})";

class ClientTest : public ::testing::Test {
 protected:
  void TearDown() override { run_task(context_, server_.stop()); }

  Config config() {
    Config config;
    config.server = *net::parse_url(server_.url());
    return config;
  }
  Client& client() {
    if (!client_) client_ = std::make_unique<Client>(context_.get_executor(), config(), clock_, settings_);
    return *client_;
  }
  Result<std::vector<WatchEvent>> read(WatchStream& stream) { return run_task(context_, stream.read()); }
  Result<std::unique_ptr<WatchStream>> open_watch() {
    WatchOptions options;
    options.namespace_ = "ns";
    options.resource_version = "7";
    options.timeout = std::chrono::seconds(300);
    return run_task(context_, client().watch(kPods, options));
  }

  asio::io_context context_;
  testing::ScriptedServer server_{context_};
  SystemClock clock_;
  ClientSettings settings_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, ReadsAnObject) {
  server_.script(answer(200, kPod));
  const auto pod = run_task(context_, client().get(kPods, "ns", "p"));
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(string_or(*pod, {"metadata", "name"}, ""), "p");
  EXPECT_TRUE(server_.requests()[0].head.starts_with("GET /api/v1/namespaces/ns/pods/p HTTP/1.1\r\n"));
}

TEST_F(ClientTest, TurnsAStatusIntoATypedErrorThatNamesTheRequest) {
  server_.script(
      answer(404, R"({"kind":"Status","code":404,"reason":"NotFound","message":"pods \"p\" not found"})"));
  const auto pod = run_task(context_, client().get(kPods, "ns", "p"));
  ASSERT_FALSE(pod);
  EXPECT_TRUE(is_not_found(pod.error()));
  EXPECT_EQ(pod.error().message, "get pods ns/p: 404 NotFound: pods \"p\" not found");
}

TEST_F(ClientTest, TellsAlreadyExistsFromConflict) {
  server_.script(answer(409, R"({"kind":"Status","reason":"AlreadyExists","message":"m"})"));
  server_.script(answer(409, R"({"kind":"Status","reason":"Conflict","message":"m"})"));
  const Json pod = *parse_json(kPod);
  EXPECT_TRUE(is_already_exists(run_task(context_, client().create(kPods, pod)).error()));
  EXPECT_TRUE(is_conflict(run_task(context_, client().update(kPods, pod)).error()));
}

TEST_F(ClientTest, SendsAServerSideApplyWithManagerAndForce) {
  server_.script(answer(200, kPod));
  Json object = *parse_json(kPod);
  object["metadata"]["annotations"]["a"] = "line\u2028separator";
  ASSERT_TRUE(run_task(context_, client().apply(kPods, object, "wan-operator-status", "status")));
  const auto& request = server_.requests()[0];
  EXPECT_TRUE(request.head.starts_with(
      "PATCH /api/v1/namespaces/ns/pods/p/status?force=true&fieldManager=wan-operator-status HTTP/1.1\r\n"));
  EXPECT_NE(request.head.find("application/apply-patch+yaml"), std::string::npos);
  EXPECT_NE(request.body.find("line\\u2028separator"), std::string::npos);
}

TEST_F(ClientTest, DeletesOnlyTheObjectWithThatUid) {
  server_.script(answer(200, R"({"kind":"Status","status":"Success"})"));
  DeleteOptions options;
  options.uid = "u-1";
  ASSERT_TRUE(run_task(context_, client().remove(kPods, "ns", "p", options)));
  const Json body = *parse_json(server_.requests()[0].body);
  EXPECT_EQ(string_or(body, {"preconditions", "uid"}, ""), "u-1");
  EXPECT_EQ(string_or(body, {"propagationPolicy"}, ""), "Background");
}

TEST_F(ClientTest, ListsInPagesWithoutAResourceVersion) {
  server_.script(
      answer(200, R"({"kind":"PodList","metadata":{"resourceVersion":"9","continue":"c/+="},"items":[{}]})"));
  server_.script(answer(200, R"({"kind":"PodList","metadata":{"resourceVersion":"9"},"items":[{},{}]})"));
  ListOptions options;
  options.label_selector = "a=b,c";
  const auto first = run_task(context_, client().list(kPods, options));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->items.size(), 1U);
  options.continue_token = first->continue_token;
  const auto second = run_task(context_, client().list(kPods, options));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->items.size(), 2U);
  EXPECT_EQ(second->continue_token, "");
  const std::string& head = server_.requests()[0].head;
  EXPECT_TRUE(head.starts_with("GET /api/v1/pods?labelSelector=a%3Db%2Cc&limit=500 HTTP")) << head;
  EXPECT_NE(server_.requests()[1].head.find("&continue=c%2F%2B%3D"), std::string::npos);
}

TEST_F(ClientTest, RefusesAListOfAnotherKind) {
  server_.script(answer(200, R"({"kind":"Table","rows":[]})"));
  const auto page = run_task(context_, client().list(kPods, ListOptions()));
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kCorrupt);
}

TEST_F(ClientTest, RepeatsARequestWhenTheServerAsksForIt) {
  server_.script(answer(429, "{}", "Retry-After: 0\r\n"));
  server_.script(answer(503, "{}", "Retry-After: 0\r\n"));
  server_.script(answer(200, kPod));
  EXPECT_TRUE(run_task(context_, client().create(kPods, *parse_json(kPod))));
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(ClientTest, DoesNotRepeatARequestByItself) {
  server_.script(answer(429, "{}"));
  server_.script(answer(500, "{}"));
  server_.script(answer(429, "{}", "Retry-After: soon\r\n"));
  EXPECT_TRUE(is_unavailable(run_task(context_, client().get(kPods, "ns", "p")).error()));
  EXPECT_EQ(run_task(context_, client().get(kPods, "ns", "p")).error().code, ErrorCode::kInternal);
  EXPECT_TRUE(is_unavailable(run_task(context_, client().get(kPods, "ns", "p")).error()));
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(ClientTest, DoesNotWaitLongerThanItsOwnDeadlineForARepeat) {
  server_.script(answer(429, "{}", "Retry-After: 86400\r\n"));
  EXPECT_TRUE(is_unavailable(run_task(context_, client().get(kPods, "ns", "p")).error()));
}

TEST_F(ClientTest, GivesUpARepeatedRequestAfterTenTimes) {
  for (int i = 0; i < 20; ++i) server_.script(answer(429, "{}", "Retry-After: 0\r\n"));
  EXPECT_TRUE(is_unavailable(run_task(context_, client().get(kPods, "ns", "p")).error()));
  EXPECT_EQ(server_.requests().size(), 11U);
}

TEST_F(ClientTest, ReadsTheTokenFileAgainWhenTheServerRefusesTheToken) {
  const std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / ("client_test_token_" + std::to_string(getpid()));
  std::ofstream(file) << "old\n";
  Config with_token = config();
  with_token.token_file = file;
  Client client(context_.get_executor(), with_token, clock_);
  server_.script(answer(200, kPod));
  ASSERT_TRUE(run_task(context_, client.get(kPods, "ns", "p")));
  std::ofstream(file) << "new\n";
  server_.script(answer(401, "{}"));
  server_.script(answer(200, kPod));
  ASSERT_TRUE(run_task(context_, client.get(kPods, "ns", "p")));
  EXPECT_NE(server_.requests()[1].head.find("Authorization: Bearer old\r\n"), std::string::npos);
  EXPECT_NE(server_.requests()[2].head.find("Authorization: Bearer new\r\n"), std::string::npos);
}

TEST_F(ClientTest, ReportsARefusedTokenOnceItIsTheNewestOne) {
  Config with_token = config();
  with_token.token = "fixed";
  Client client(context_.get_executor(), with_token, clock_);
  server_.script(answer(401, R"({"kind":"Status","reason":"Unauthorized","message":"Unauthorized"})"));
  const auto pod = run_task(context_, client.get(kPods, "ns", "p"));
  EXPECT_TRUE(is_forbidden(pod.error()));
  EXPECT_EQ(pod.error().message.find("fixed"), std::string::npos);
}

TEST_F(ClientTest, RefusesAnAnswerThatIsCutInTheMiddle) {
  testing::Answer cut = answer(200, kPod);
  cut.pieces[0].resize(cut.pieces[0].size() - 10);
  cut.ending = Ending::kClose;
  server_.script(cut);
  server_.script(cut);
  EXPECT_FALSE(run_task(context_, client().get(kPods, "ns", "p")));
}

TEST_F(ClientTest, DeliversWatchEventsAsTheyArriveWhereverTheChunksAreCut) {
  const std::string first = R"({"type":"ADDED","object":{"metadata":{"name":"grün"}}})"
                            "\n";
  const std::string second = R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"12"}}})"
                             "\n";
  const size_t inside_umlaut = first.find("\xC3") + 1;
  server_.script(chunked_answer({first.substr(0, 5), first.substr(5, inside_umlaut - 5),
                                 first.substr(inside_umlaut) + second.substr(0, 9), second.substr(9)}));
  auto stream = open_watch();
  ASSERT_TRUE(stream) << stream.error().message;
  std::vector<WatchEvent> events;
  while (true) {
    auto more = read(**stream);
    ASSERT_TRUE(more) << more.error().message;
    if (more->empty()) break;
    for (WatchEvent& event : *more) events.push_back(std::move(event));
  }
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(string_or(events[0].object, {"metadata", "name"}, ""), "grün");
  EXPECT_EQ(events[1].type, WatchEventType::kBookmark);
  const std::string& head = server_.requests()[0].head;
  EXPECT_TRUE(
      head.starts_with("GET /api/v1/namespaces/ns/pods?watch=true&allowWatchBookmarks=true"
                       "&resourceVersion=7&timeoutSeconds=300 HTTP"))
      << head;
}

TEST_F(ClientTest, ReportsAVersionThatIsGoneAsStatusAndInTheStream) {
  server_.script(answer(410, R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})"));
  const auto refused = open_watch();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_gone(refused.error()));

  server_.script(
      chunked_answer({R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})"
                      "\n"}));
  auto stream = open_watch();
  ASSERT_TRUE(stream);
  const auto events = read(**stream);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->at(0).type, WatchEventType::kError);
  EXPECT_TRUE(is_gone(status_error(events->at(0).object, "watch")));
}

TEST_F(ClientTest, ReportsAnEventThatIsNotJsonAsCorrupt) {
  server_.script(chunked_answer({R"({"type":"ADDED","object":{"metada)"
                                 "\n"}));
  auto stream = open_watch();
  ASSERT_TRUE(stream);
  const auto events = read(**stream);
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code, ErrorCode::kCorrupt);
}

TEST_F(ClientTest, DropsAnEventThatTheEndOfTheStreamCuts) {
  server_.script(chunked_answer({R"({"type":"ADDED","object":{}})"
                                 "\n"
                                 R"({"type":"MODI)"}));
  auto stream = open_watch();
  ASSERT_TRUE(stream);
  EXPECT_EQ(read(**stream)->size(), 1U);
  const auto end = read(**stream);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_TRUE(end->empty());
}

TEST_F(ClientTest, ReportsAResetWatchAsUnavailable) {
  server_.script(chunked_answer({R"({"type":"ADDED","object":{}})"
                                 "\n"},
                                Ending::kReset, false));
  auto stream = open_watch();
  ASSERT_TRUE(stream);
  EXPECT_EQ(read(**stream)->size(), 1U);
  const auto broken = read(**stream);
  ASSERT_FALSE(broken);
  EXPECT_TRUE(is_unavailable(broken.error())) << to_string(broken.error().code);
}

TEST_F(ClientTest, ReportsAServerThatIsNotThere) {
  Config nowhere = config();
  nowhere.server.port = 1;
  Client client(context_.get_executor(), nowhere, clock_);
  const auto pod = run_task(context_, client.get(kPods, "ns", "p"));
  ASSERT_FALSE(pod);
  EXPECT_TRUE(is_unavailable(pod.error()));
}

TEST_F(ClientTest, CountsRequestsUnderTheNamesThatDashboardsExpect) {
  metrics::Registry registry;
  settings_.metrics = &registry;
  server_.script(answer(429, "{}", "Retry-After: 0\r\n"));
  server_.script(answer(201, kPod));
  server_.script(chunked_answer({}));
  ASSERT_TRUE(run_task(context_, client().create(kPods, *parse_json(kPod))));
  ASSERT_TRUE(open_watch());
  const std::string host = "host=\"127.0.0.1:" + std::to_string(server_.port()) + "\"";
  const std::string text = registry.text();
  for (const std::string& sample : {
           "rest_client_requests_total{code=\"201\"," + host + ",method=\"POST\"} 1",
           "rest_client_requests_total{code=\"429\"," + host + ",method=\"POST\"} 1",
           "rest_client_requests_total{code=\"200\"," + host + ",method=\"GET\"} 1",
           "rest_client_request_retries_total{code=\"429\"," + host + ",verb=\"POST\"} 1",
           "rest_client_request_duration_seconds_count{" + host + ",verb=\"POST\"} 2",
       }) {
    EXPECT_THAT(text, ::testing::HasSubstr(sample + "\n"));
  }
}

TEST_F(ClientTest, CountsARequestWithoutAnAnswerAsAnError) {
  metrics::Registry registry;
  ClientSettings counted;
  counted.metrics = &registry;
  Config nowhere = config();
  nowhere.server.port = 1;
  Client client(context_.get_executor(), nowhere, clock_, counted);
  EXPECT_FALSE(run_task(context_, client.get(kPods, "ns", "p")));
  EXPECT_THAT(registry.text(),
              ::testing::HasSubstr("{code=\"<error>\",host=\"127.0.0.1:1\",method=\"GET\"} 1"));
}

TEST_F(ClientTest, AsksForInitialEventsWithoutAVersion) {
  server_.script(chunked_answer({}));
  WatchOptions options;
  options.resource_version = "7";
  options.initial_events = true;
  ASSERT_TRUE(run_task(context_, client().watch(kPods, options)));
  EXPECT_TRUE(server_.requests()[0].head.starts_with(
      "GET /api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"
      "&resourceVersionMatch=NotOlderThan&timeoutSeconds=300 HTTP"))
      << server_.requests()[0].head;
}

// A half-open connection: the other end is gone, and no byte says so.
TEST_F(ClientTest, TakesASilentWatchForDeadOnceBookmarksAreKnownToCome) {
  server_.script(chunked_answer({R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"12"}}})"
                                 "\n"},
                                Ending::kKeep, false));
  WatchOptions options;
  options.bookmark_silence = std::chrono::milliseconds(20);
  auto stream = run_task(context_, client().watch(kPods, options));
  ASSERT_TRUE(stream);
  ASSERT_EQ(read(**stream)->size(), 1U);
  const auto silent = read(**stream);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientTest, TakesASilentWatchForDeadBeforeItsInitialEventsHaveCome) {
  server_.script(chunked_answer({R"({"type":"ADDED","object":{"metadata":{}}})"
                                 "\n"},
                                Ending::kKeep, false));
  WatchOptions options;
  options.initial_events = true;
  options.initial_silence = std::chrono::milliseconds(300);
  auto stream = run_task(context_, client().watch(kPods, options));
  ASSERT_TRUE(stream) << stream.error().message;
  ASSERT_EQ(read(**stream)->size(), 1U);
  EXPECT_EQ(read(**stream).error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientTest, EndsAWatchThatTheServerDoesNotEndHoweverManyBytesCome) {
  testing::FakeClock clock;
  Client client(context_.get_executor(), config(), clock);
  const std::string event = R"({"type":"ADDED","object":{}})"
                            "\n";
  server_.script(chunked_answer({event, event, event}, Ending::kKeep, false));
  WatchOptions options;
  options.timeout = std::chrono::seconds(300);
  auto stream = run_task(context_, client.watch(kPods, options));
  ASSERT_TRUE(stream);
  EXPECT_TRUE(read(**stream));
  clock.advance(std::chrono::seconds(306));
  EXPECT_EQ(read(**stream).error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientTest, ReadsAnObjectOfTenMegabytesAndAWatchEventWithIt) {
  Json big = *parse_json(kPod);
  big["data"] = std::string(10u << 20, 'x');
  server_.script(answer(200, big.dump()));
  const auto pod = run_task(context_, client().get(kPods, "ns", "p"));
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(string_or(*pod, {"data"}, "").size(), 10u << 20);

  const std::string line = R"({"type":"ADDED","object":)" + big.dump() + "}\n";
  std::vector<std::string> chunks;
  for (size_t at = 0; at < line.size(); at += 1u << 20) chunks.push_back(line.substr(at, 1u << 20));
  server_.script(chunked_answer(chunks));
  auto stream = open_watch();
  ASSERT_TRUE(stream);
  const auto events = read(**stream);
  ASSERT_TRUE(events) << events.error().message;
  EXPECT_EQ(string_or(events->at(0).object, {"data"}, "").size(), 10u << 20);
}

TEST_F(ClientTest, RefusesAnAnswerBeyondItsLimitBeforeItIsRead) {
  settings_.max_object_bytes = 1000;
  server_.script(answer(200, std::string(2000, ' ')));
  EXPECT_EQ(run_task(context_, client().get(kPods, "ns", "p")).error().code, ErrorCode::kResourceExhausted);
}

TEST_F(ClientTest, GivesUpAnAnswerThatDripsBeyondTheDeadlineOfTheRequest) {
  settings_.request_timeout = std::chrono::milliseconds(200);
  testing::Answer drip;
  drip.pieces.emplace_back("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 100'000; ++i) drip.pieces.emplace_back(" ");
  server_.script(drip);
  EXPECT_EQ(run_task(context_, client().get(kPods, "ns", "p")).error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientTest, DeliversAWatchEventThatDripsByteByByte) {
  const std::string line = R"({"type":"ADDED","object":{"metadata":{"name":"grün 🎬"}}})"
                           "\n";
  std::vector<std::string> bytes;
  for (const char byte : line) bytes.emplace_back(1, byte);
  server_.script(chunked_answer(bytes));
  auto stream = open_watch();
  ASSERT_TRUE(stream);
  const auto events = read(**stream);
  ASSERT_TRUE(events) << events.error().message;
  EXPECT_EQ(string_or(events->at(0).object, {"metadata", "name"}, ""), "grün 🎬");
}

TEST_F(ClientTest, RefusesJsonThatIsCutButDelivered) {
  server_.script(answer(200, R"({"apiVersion":"v1","kind":"Po)"));
  EXPECT_EQ(run_task(context_, client().get(kPods, "ns", "p")).error().code, ErrorCode::kCorrupt);
}

TEST_F(ClientTest, RefusesAnAnswerThatIsNotUtf8) {
  server_.script(answer(200, "{\"kind\":\"\xC3\"}"));
  EXPECT_EQ(run_task(context_, client().get(kPods, "ns", "p")).error().code, ErrorCode::kCorrupt);
}

TEST_F(ClientTest, LeavesAStormOfConflictsToItsCaller) {
  for (int i = 0; i < 70; ++i) server_.script(answer(409, R"({"kind":"Status","reason":"Conflict"})"));
  for (int i = 0; i < 70; ++i) {
    EXPECT_TRUE(is_conflict(run_task(context_, client().update(kPods, *parse_json(kPod))).error()));
  }
  EXPECT_EQ(server_.requests().size(), 70U) << "none is repeated with the same stale object";
}

}  // namespace
}  // namespace wan::kube
