#include "runtime/jobs/job_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/sha256.h"
#include "runtime/jobs/job_request.h"
#include "scripted_generator.h"

namespace wan::jobs {
namespace {

using ::testing::HasSubstr;

pipeline::ResolvedGeneration generation() {
  pipeline::GenerationSpec spec;
  spec.prompt = "a red ball";
  spec.seed = 42;
  return *pipeline::resolve(spec, wan::testing::scripted_defaults(), "default", "red-ball");
}

JobState running() {
  JobState state;
  state.uid = "u";
  state.namespace_ = "default";
  state.name = "red-ball";
  state.attempt = 1;
  state.epoch = "7";
  state.phase = Phase::kRunning;
  state.resolved = generation();
  state.step = 3;
  state.steps = 20;
  state.progress =
      Progress{.phase = "Denoise", .done = 3, .total = 20, .percent = 12.46, .seconds_left = 3.2};
  return state;
}

TEST(JobStateJson, HasTheFieldsOfTheApiAndLeavesOutWhatIsNotKnown) {
  const Json json = to_json(running());
  EXPECT_EQ(json["phase"], "Running");
  EXPECT_EQ(json["progress"],
            (Json{{"phase", "Denoise"}, {"step", 3}, {"steps", 20}, {"percent", 12.5}, {"secondsLeft", 4}}));
  EXPECT_EQ(json["resolved"]["prompt"], "a red ball");
  for (const char* absent : {"result", "error", "jobHash", "timings"})
    EXPECT_FALSE(json.contains(absent)) << absent;
}

TEST(JobStateJson, DoesNotInventTheTimeLeft) {
  JobState state = running();
  state.progress->seconds_left = -1;
  EXPECT_FALSE(to_json(state)["progress"].contains("secondsLeft"));
}

TEST(TerminationMessage, FitsWhateverThePromptIs) {
  JobState state = running();
  state.phase = Phase::kFailed;
  state.resolved.prompt = std::string(4096, 'p');
  state.resolved.negative_prompt = std::string(4096, 'n');
  state.error = JobError{"GenerationFailed", std::string(9000, 'm'), true};
  const std::string text = to_termination_message(state, 4096);
  EXPECT_LE(text.size(), 4096u);
  const auto json = parse_json(text);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["phase"], "Failed");
  EXPECT_EQ((*json)["error"]["reason"], "GenerationFailed");
}

TEST(TerminationMessage, SurvivesBytesThatAreNotText) {
  JobState state = running();
  state.error = JobError{"GenerationFailed", "\xff\xfe", true};
  EXPECT_TRUE(parse_json(to_termination_message(state, 4096)));
}

TEST(JobHash, DependsOnTheVideoAndOnNothingElse) {
  const std::string model = "sha256:" + std::string(64, 'a');
  const std::string hash = *job_hash(generation(), model);
  EXPECT_TRUE(is_sha256_digest(hash));
  EXPECT_EQ(*job_hash(generation(), model), hash);
  auto other = generation();
  other.seed = 43;
  EXPECT_NE(*job_hash(other, model), hash);
  other = generation();
  other.guidance_scale = 4.5;
  EXPECT_NE(*job_hash(other, model), hash);
  EXPECT_NE(*job_hash(generation(), "sha256:" + std::string(64, 'b')), hash);
}

Json body() {
  return {{"metadata", {{"namespace", "default"}, {"name", "red-ball"}, {"uid", "u-1"}}},
          {"podUID", "pod"},
          {"attempt", 1},
          {"epoch", "123"},
          {"spec", {{"prompt", "a red ball"}, {"steps", 5}}},
          {"activeDeadlineSeconds", 60},
          {"artifact", {{"url", "http://10.0.0.1:8080/v1/artifacts/a.mp4"}, {"token", "t"}}}};
}

std::string complaint(const Json& json) {
  const auto parsed = job_request_from_json(json);
  return parsed ? "accepted" : parsed.error().message;
}

TEST(JobRequest, IsReadFromTheBodyOfAPut) {
  const auto request = job_request_from_json(body());
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->uid, "u-1");
  EXPECT_EQ(request->spec.steps, 5);
  EXPECT_EQ(request->active_deadline_seconds, 60);
  EXPECT_EQ(request->artifact.token, "t");
}

TEST(JobRequest, NamesWhatIsWrong) {
  const auto with = [](const char* pointer, const Json& value) {
    Json json = body();
    json[Json::json_pointer(pointer)] = value;
    return complaint(json);
  };
  EXPECT_THAT(with("/metadata/uid", ""), HasSubstr("metadata.uid"));
  EXPECT_THAT(with("/metadata/uid", "../../etc/passwd"), HasSubstr("metadata.uid"));
  EXPECT_THAT(with("/attempt", 0), HasSubstr("attempt"));
  EXPECT_THAT(with("/attempt", "1"), HasSubstr("attempt"));
  EXPECT_THAT(with("/attempt", uint64_t{1} << 63), HasSubstr("attempt"));
  EXPECT_THAT(with("/epoch", "12a"), HasSubstr("epoch"));
  EXPECT_THAT(with("/activeDeadlineSeconds", -5), HasSubstr("activeDeadlineSeconds"));
  EXPECT_THAT(with("/spec/stpes", 5), HasSubstr("spec.stpes"));
  EXPECT_THAT(with("/spec/steps", "many"), HasSubstr("steps"));
  EXPECT_THAT(with("/spec", 1), HasSubstr("spec"));
  EXPECT_THAT(with("/artifact/url", nullptr), HasSubstr("artifact.url"));
  EXPECT_THAT(complaint(Json::array()), HasSubstr("object"));
}

}  // namespace
}  // namespace wan::jobs
