// A pod from its start to its end: loading, draining, and the one-shot form.

#include "pod_fixture.h"

namespace wan::service {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class PodLifeTest : public PodFixture {};

TEST_F(PodLifeTest, AnswersWhileTheModelLoads) {
  loading = true;
  start_artifacts();
  start_pod();
  const net::Response ready = call("GET", "/readyz", "");
  EXPECT_EQ(ready.status, 503u);
  EXPECT_EQ((*parse_json(ready.body))["phase"], "Loading");
  EXPECT_EQ(call("GET", "/healthz", "").status, 200u);
  EXPECT_EQ(reason(put("a")), "NotReady");
  const Json status = *parse_json(get("/v1/status").body);
  EXPECT_EQ(status["secondsPerStep"], -1);
  EXPECT_FALSE(status.contains("model"));
  loading = false;
  run_until([&] { return get("/readyz").status == 200; });
  EXPECT_EQ(put("a").status, 201u);
}

TEST_F(PodLifeTest, EndsWhenTheModelCannotBeLoaded) {
  load_failure = corrupt("transformer/config.json: not JSON");
  start_pod();
  EXPECT_EQ(ended(), Outcome::kFailed);
}

TEST_F(PodLifeTest, DrainsTheRunningJobAndSendsTheWaitingAway) {
  start();
  director->hold();
  put("a");
  put("b");
  run_until([&] { return director->prompts().size() == 2; });
  const auto stream = events();
  ::raise(SIGTERM);
  run_until([&] { return get("/readyz").status == 503; });
  EXPECT_EQ((*parse_json(call("GET", "/readyz", "").body))["phase"], "Draining");
  EXPECT_EQ(reason(put("c")), "Draining");
  EXPECT_EQ(put("a").status, 200u) << "a known attempt is still answered";
  EXPECT_EQ(state("b")["error"]["reason"], "PodDraining");
  EXPECT_EQ(state("b")["error"]["retryable"], true);
  director->let_go();
  EXPECT_EQ(ended(), Outcome::kTerminated);
  EXPECT_NE(artifact("a.mp4"), "");
  EXPECT_EQ(director->prompts().size(), 2u) << "b must not have begun";
  const auto read_all = [](Events* events) -> Task<void> {
    while (!(co_await events->next()).is_null()) continue;
  };
  run(io, read_all(stream.get()));
  const auto is_end_of_a = [](const Json& event) {
    return string_or(event, {"job", "uid"}, "") == "a" &&
           string_or(event, {"job", "phase"}, "") == "Succeeded";
  };
  EXPECT_TRUE(std::ranges::any_of(stream->seen, is_end_of_a));
}

TEST_F(PodLifeTest, StopsAJobThatOutlivesTheDrainTime) {
  settings.drain = 0s;
  start();
  director->hold();
  put("a");
  run_until([&] { return director->prompts().size() == 2; });
  const auto stream = events();
  ::raise(SIGTERM);
  EXPECT_EQ(ended(), Outcome::kTerminated);
  const auto read_all = [](Events* events) -> Task<void> {
    while (!(co_await events->next()).is_null()) continue;
  };
  run(io, read_all(stream.get()));
  EXPECT_EQ(string_or(stream->seen.back(), {"job", "error", "reason"}, ""), "PodDraining");
  EXPECT_FALSE(fs::exists(folder.path() / "volume/a.mp4"));
}

class OneShotTest : public PodFixture {
 protected:
  void SetUp() override {
    PodFixture::SetUp();
    settings.only_job_uid = "a";
    settings.termination_log = folder.path() / "termination-log";
    settings.telling = 200ms;
  }
  Json message() {
    const std::string text = wan::testing::read_text(settings.termination_log);
    EXPECT_LE(text.size(), 4096u);
    return parse_json(text).value_or(Json());
  }
};

TEST_F(OneShotTest, EndsWithItsJobAndLeavesTheState) {
  start();
  EXPECT_EQ(reason(put("b")), "WrongJob");
  EXPECT_EQ(put("a").status, 201u);
  EXPECT_EQ(ended(), Outcome::kSucceeded);
  EXPECT_EQ(message()["phase"], "Succeeded");
  EXPECT_EQ(message()["result"]["sha256"], sha256_digest(artifact("a.mp4")));
}

TEST_F(OneShotTest, WaitsUntilAClientWasToldTheEnd) {
  settings.telling = 60'000ms;  // the test would not end in time without the telling
  start();
  director->hold();
  const auto stream = events();
  put("a");
  director->let_go();
  const auto read = [](Events* events) -> Task<Json> {
    for (;;) {
      Json event = co_await events->next();
      if (event.is_null() || string_or(event, {"job", "phase"}, "") == "Succeeded") co_return event;
    }
  };
  EXPECT_EQ(run(io, read(stream.get()))["job"]["uid"], "a");
  EXPECT_EQ(ended(), Outcome::kSucceeded);
}

TEST_F(OneShotTest, EndsWhenNobodyHandsItsJobOver) {
  settings.assignment_timeout = 0s;
  start_pod();
  EXPECT_EQ(ended(), Outcome::kNeverAssigned);
  EXPECT_EQ(message()["error"]["reason"], "NeverAssigned");
}

TEST_F(OneShotTest, TellsAFailureAndACancelApart) {
  start();
  director->hold();
  put("a");
  run_until([&] { return director->prompts().size() == 2; });
  cancel("a");
  EXPECT_EQ(ended(), Outcome::kCancelled);
  EXPECT_EQ(message()["phase"], "Cancelled");
}

TEST_F(OneShotTest, SaysWhyTheModelCouldNotBeLoaded) {
  load_failure = corrupt("transformer/config.json: not JSON");
  start_pod();
  EXPECT_EQ(ended(), Outcome::kFailed);
  EXPECT_EQ(message()["uid"], "a");
  EXPECT_EQ(message()["error"]["reason"], "ModelLoadFailed");
  EXPECT_THAT(message()["error"]["message"].get<std::string>(), HasSubstr("config.json"));
}

TEST_F(OneShotTest, ASignalLeavesARetryableEnd) {
  settings.drain = 0s;
  start();
  director->hold();
  put("a");
  run_until([&] { return director->prompts().size() == 2; });
  ::raise(SIGTERM);
  EXPECT_EQ(ended(), Outcome::kFailed);
  EXPECT_EQ(message()["error"]["reason"], "PodDraining");
  EXPECT_EQ(message()["error"]["retryable"], true);
}

}  // namespace
}  // namespace wan::service
