// GET /v1/events: what an operator that follows a pod is told, and when.

#include "../../base/net/loopback.h"
#include "pod_fixture.h"

namespace wan::service {
namespace {

using namespace testing;

class EventsTest : public PodFixture {
 protected:
  // Reads until a JOB line of `uid` in this phase.
  Json until_phase(Events& stream, const std::string& uid, const std::string& phase) {
    const auto read = [](Events* events, std::string wanted_uid, std::string wanted) -> Task<Json> {
      for (;;) {
        Json event = co_await events->next();
        if (event.is_null()) co_return event;
        if (string_or(event, {"job", "uid"}, "") == wanted_uid &&
            string_or(event, {"job", "phase"}, "") == wanted)
          co_return event;
      }
    };
    return run(io, read(&stream, uid, phase));
  }
  Json next(Events& stream) { return run(io, stream.next()); }
  static size_t lines_about(const Events& stream, const std::string& uid) {
    return static_cast<size_t>(std::ranges::count_if(
        stream.seen, [&](const Json& event) { return string_or(event, {"job", "uid"}, "") == uid; }));
  }
};

TEST_F(EventsTest, BeginWithTheStatusAndEveryKnownJob) {
  start();
  put("a");
  until_ended("a");
  const auto stream = events();
  const Json status = next(*stream);
  EXPECT_EQ(status["type"], "STATUS");
  EXPECT_EQ(status["status"]["podUID"], kPodUid);
  EXPECT_EQ(status["status"]["phase"], "Ready");
  EXPECT_EQ(status["status"]["model"]["name"], "scripted");
  EXPECT_EQ(status["status"]["defaults"]["steps"], 20);
  const Json job = next(*stream);
  EXPECT_EQ(job["type"], "JOB");
  EXPECT_EQ(job["job"], state("a"));
}

TEST_F(EventsTest, TellEveryPhaseOfAJobInOrder) {
  start();
  const auto stream = events();
  director->hold();
  put("a");
  until_phase(*stream, "a", "Running");
  director->let_go();
  const Json ended = until_phase(*stream, "a", "Succeeded");
  EXPECT_EQ(ended["job"]["result"]["sha256"], sha256_digest(artifact("a.mp4")));
  std::vector<std::string> phases;
  for (const Json& event : stream->seen) {
    const std::string phase = string_or(event, {"job", "phase"}, "");
    if (!phase.empty() && (phases.empty() || phases.back() != phase)) phases.push_back(phase);
  }
  // Queued may be over before the stream looks.
  if (phases.front() == "Queued") phases.erase(phases.begin());
  EXPECT_THAT(phases, ::testing::ElementsAre("Running", "Succeeded"));
}

TEST_F(EventsTest, CoalesceProgressButNeverAnEnd) {
  settings.progress_interval = 1h;  // longer than any test: nothing but phase changes gets through
  start();
  director->report_steps(500);
  const auto stream = events();
  put("a");
  until_phase(*stream, "a", "Succeeded");
  EXPECT_LE(lines_about(*stream, "a"), 6u);
}

TEST_F(EventsTest, TellTheLatestProgressOnceItsTimeHasCome) {
  settings.progress_interval = 20ms;
  start();
  director->hold();
  const auto stream = events();
  put("a");
  const Json running = until_phase(*stream, "a", "Running");
  const auto read = [](Events* events) -> Task<Json> {
    for (;;) {
      Json event = co_await events->next();
      if (event.is_null() || find(event, {"job", "progress", "steps"}) != nullptr) co_return event;
    }
  };
  const Json progress = find(running, {"job", "progress"}) != nullptr ? running : run(io, read(stream.get()));
  EXPECT_EQ(progress["job"]["progress"]["phase"], "Denoise");
  EXPECT_EQ(progress["job"]["progress"]["steps"], 4);
}

TEST_F(EventsTest, ShowLifeWhileNothingHappens) {
  start();
  const auto stream = events();
  EXPECT_EQ(next(*stream)["type"], "STATUS");
  EXPECT_EQ(next(*stream)["type"], "HEARTBEAT");
  EXPECT_EQ(next(*stream)["type"], "HEARTBEAT");
}

TEST_F(EventsTest, ShowLifeWhileAJobIsSilent) {
  start();
  director->hold();
  put("a");
  const auto stream = events();
  until_phase(*stream, "a", "Running");
  const auto read = [](Events* events) -> Task<Json> {
    for (;;) {
      Json event = co_await events->next();
      if (event.is_null() || event["type"] == "HEARTBEAT") co_return event;
    }
  };
  EXPECT_EQ(run(io, read(stream.get()))["type"], "HEARTBEAT");
}

TEST_F(EventsTest, SurviveAClientThatDies) {
  start();
  const std::string request =
      "GET /v1/events HTTP/1.1\r\nHost: pod\r\nAuthorization: Bearer " + sign(pod_grant()) + "\r\n\r\n";
  const auto die = [](asio::io_context& context, uint16_t to_port, std::string bytes) -> Task<std::string> {
    wan::testing::RawClient client(context.get_executor());
    co_await client.connect(to_port);
    (void)co_await client.send(std::move(bytes));
    std::string head = co_await client.read_until("STATUS");
    client.close();
    co_return head;
  };
  EXPECT_THAT(run(io, die(io, port, request)), ::testing::StartsWith("HTTP/1.1 200"));
  const auto stream = events();
  put("a");
  EXPECT_EQ(until_phase(*stream, "a", "Succeeded")["job"]["uid"], "a");
}

TEST_F(EventsTest, TellTwoClientsTheSame) {
  start();
  const auto first = events();
  const auto second = events();
  put("a");
  EXPECT_EQ(until_phase(*first, "a", "Succeeded"), until_phase(*second, "a", "Succeeded"));
}

}  // namespace
}  // namespace wan::service
