// The job API as the operator uses it: accept, run, upload, refuse, cancel.

#include "pod_fixture.h"
#include "tests/support/scripted_server.h"

namespace wan::service {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class JobsOverHttpTest : public PodFixture {};

TEST_F(JobsOverHttpTest, AJobEndsAsAnArtifactWhoseDigestIsInItsState) {
  start();
  const net::Response accepted = put("a");
  EXPECT_EQ(accepted.status, 201u) << accepted.body;
  const Json ended = until_ended("a");
  EXPECT_EQ(ended["phase"], "Succeeded") << ended;
  EXPECT_EQ(ended["result"]["sha256"], sha256_digest(artifact("a.mp4")));
  EXPECT_EQ(ended["result"]["url"], body_of("a")["artifact"]["url"]);
  EXPECT_EQ(ended["result"]["seed"], 7);
  EXPECT_EQ(ended["resolved"]["steps"], 20);
  EXPECT_TRUE(is_sha256_digest(ended["jobHash"].get<std::string>()));
  EXPECT_GE(ended["timings"]["upload"].get<double>(), 0);
  EXPECT_EQ(scratch_files(), 0u);
}

TEST_F(JobsOverHttpTest, NothingOfATokenIsEverShown) {
  start();
  director->hold();
  const Json body = body_of("a");
  put_body(body);
  const std::string token = body["artifact"]["token"];
  for (const std::string& text : {put_body(body).body, state("a").dump(), get("/v1/jobs").body}) {
    EXPECT_EQ(text.find(token), std::string::npos);
    EXPECT_EQ(text.find("token"), std::string::npos);
  }
}

TEST_F(JobsOverHttpTest, SaysWhatItWouldMakeOfAJobWithoutTakingIt) {
  start();
  const Json body = body_of("a");
  const net::Response answer =
      call("POST", "/v1/jobs/a/resolution", sign(job_grant("a", 1, "100")), body.dump());
  ASSERT_EQ(answer.status, 200u) << answer.body;
  const Json said = parse_json(answer.body).value();
  EXPECT_EQ(get("/v1/jobs").body.find("\"uid\""), std::string::npos);
  EXPECT_EQ(put("a").status, 201u);
  const Json ended = until_ended("a");
  EXPECT_EQ(said["jobHash"], ended["jobHash"]);
  EXPECT_EQ(said["resolved"], ended["resolved"]);
}

TEST_F(JobsOverHttpTest, DecodesThePictureOfAJobAndRefusesWhatIsNone) {
  std::vector<std::string> decoded;
  settings.decode_image =
      [&](const std::string& bytes) -> Result<std::shared_ptr<const pipeline::InputImage>> {
    decoded.push_back(bytes);
    if (bytes == "text") return fail(invalid_argument("image: it is text; allowed: PNG, JPEG, WebP"));
    return std::make_shared<const pipeline::InputImage>(pipeline::InputImage{16, 16, {}, "sha256:x"});
  };
  start();
  const auto answer_to = [&](const std::string& data) {
    Json body = body_of("a");
    body["image"]["data"] = data;
    return put_body(body);
  };
  // The scripted model makes videos from text alone, and that is what the picture runs into.
  const net::Response taken = answer_to("cGljdHVyZQ==");
  EXPECT_EQ(taken.status, 422u);
  EXPECT_THAT(taken.body, ::testing::HasSubstr("from text alone"));
  EXPECT_THAT(answer_to("dGV4dA==").body, ::testing::HasSubstr("it is text"));
  EXPECT_THAT(answer_to("*").body, ::testing::HasSubstr("image.data"));
  EXPECT_THAT(decoded, ::testing::ElementsAre("picture", "text"));
}

TEST_F(JobsOverHttpTest, FetchesThePictureThatAnArtifactServerHas) {
  std::vector<std::string> decoded;
  settings.decode_image =
      [&](const std::string& bytes) -> Result<std::shared_ptr<const pipeline::InputImage>> {
    decoded.push_back(bytes);
    return std::make_shared<const pipeline::InputImage>(pipeline::InputImage{16, 16, {}, "sha256:x"});
  };
  start();
  wan::testing::ScriptedServer artifacts(io);
  const auto answer_to = [&](const std::string& digest) {
    Json body = body_of("a");
    body["image"] = {{"url", artifacts.url() + "/v1/blobs/x"}, {"sha256", digest}, {"token", "a-capability"}};
    return put_body(body);
  };
  artifacts.script(wan::testing::answer(200, "picture"));
  EXPECT_THAT(answer_to(sha256_digest("picture")).body, ::testing::HasSubstr("from text alone"));
  EXPECT_THAT(artifacts.requests()[0].head, ::testing::HasSubstr("Authorization: Bearer a-capability"));
  artifacts.script(wan::testing::answer(200, "damaged"));
  const net::Response damaged = answer_to(sha256_digest("picture"));
  EXPECT_EQ(damaged.status, 503u) << "it may be there again later";
  EXPECT_THAT(damaged.body, ::testing::HasSubstr(sha256_digest("damaged")));
  artifacts.script(wan::testing::answer(404, ""));
  EXPECT_EQ(answer_to(sha256_digest("picture")).status, 503u);
  EXPECT_EQ(answer_to("md5:7").status, 422u);
  EXPECT_THAT(decoded, ::testing::ElementsAre("picture"));
  wan::testing::run(io, artifacts.stop());
}

TEST_F(JobsOverHttpTest, ARepeatedPutIsTheSameJob) {
  start();
  EXPECT_EQ(put("a").status, 201u);
  EXPECT_EQ(put("a").status, 200u);
  until_ended("a");
  EXPECT_EQ(put("a").status, 200u);
  EXPECT_EQ(director->prompts().size(), 2u);  // the probe and the job
}

TEST_F(JobsOverHttpTest, ARepeatedPutRenewsTheTokenOfAnUploadThatIsRefused) {
  start();
  Json body = body_of("a");
  const Json good = body;
  body["artifact"]["token"] = sign(upload_grant("another.mp4"));
  put_body(body);
  run_until([&] { return string_or(state("a"), {"progress", "phase"}, "") == "Upload"; });
  EXPECT_EQ(put_body(good).status, 200u);
  EXPECT_EQ(until_ended("a")["phase"], "Succeeded");
}

TEST_F(JobsOverHttpTest, RefusesWithTheReasonsOfTheApi) {
  start();
  Json other_pod = body_of("a");
  other_pod["podUID"] = "another";
  EXPECT_EQ(reason(put_body(other_pod)), "WrongPod");
  director->hold();
  EXPECT_EQ(put_body(body_of("a", 2, "100")).status, 201u);
  EXPECT_EQ(reason(put_body(body_of("a", 1, "100"))), "StaleAttempt");
  EXPECT_EQ(reason(put_body(body_of("b", 1, "99"))), "StaleEpoch");
  EXPECT_EQ(reason(put_body(body_of("a", 3, "100"))), "StillRunning");
  EXPECT_EQ(put_body(body_of("a", 3, "100")).status, 409u);
}

TEST_F(JobsOverHttpTest, SaysWhichFieldIsWrong) {
  start();
  Json body = body_of("a");
  body["spec"]["size"] = "100x100";
  const net::Response size = put_body(body);
  EXPECT_EQ(size.status, 422u);
  EXPECT_EQ(reason(size), "Invalid");
  EXPECT_THAT(size.body, HasSubstr("size"));
  body = body_of("a");
  body["spec"]["imgae"] = "x";
  EXPECT_THAT(put_body(body).body, HasSubstr("spec.imgae"));
  const std::string token = sign(job_grant("a", 1, "100"));
  EXPECT_EQ(call("PUT", "/v1/jobs/a", token, "{").status, 422u);
  EXPECT_EQ(call("PUT", "/v1/jobs/a", token, body_of("b").dump()).status, 422u);
  EXPECT_EQ(call("PUT", "/v1/jobs/a", token, std::string(5u << 20, ' ')).status, 413u);
}

TEST_F(JobsOverHttpTest, ChecksEveryCapability) {
  start();
  const std::string body = body_of("a").dump();
  const auto status = [&](const Capability& capability) {
    return call("PUT", "/v1/jobs/a", sign(capability), body).status;
  };
  EXPECT_EQ(call("PUT", "/v1/jobs/a", "", body).status, 401u);
  EXPECT_EQ(call("PUT", "/v1/jobs/a", "nonsense", body).status, 401u);
  EXPECT_EQ(status(pod_grant()), 403u);
  EXPECT_EQ(status(job_grant("b", 1, "100")), 403u);
  EXPECT_EQ(status(job_grant("a", 2, "100")), 403u);
  EXPECT_EQ(status(job_grant("a", 1, "101")), 403u);
  Capability expired = job_grant("a", 1, "100");
  expired.expires_at = clock.wall() - 10min;
  EXPECT_EQ(status(expired), 401u);
  Capability foreign = job_grant("a", 1, "100");
  foreign.audience = "another pod";
  EXPECT_EQ(status(foreign), 401u);
  for (const char* path : {"/v1/status", "/v1/jobs", "/v1/events"}) {
    EXPECT_EQ(call("GET", path, "").status, 401u) << path;
    EXPECT_EQ(call("GET", path, sign(job_grant("a", 1, "100"))).status, 403u) << path;
  }
  EXPECT_EQ(call("GET", "/healthz", "").status, 200u);
  EXPECT_EQ(call("GET", "/readyz", "").status, 200u);
  EXPECT_EQ(director->prompts().size(), 1u) << "a refused job ran";
}

TEST_F(JobsOverHttpTest, CancelsWaitingAndRunningJobs) {
  start();
  director->hold();
  put("a");
  put("b");
  run_until([&] { return director->prompts().size() == 2; });
  EXPECT_EQ(phase("b"), "Queued");
  EXPECT_EQ(cancel("b").status, 200u);
  EXPECT_EQ(phase("b"), "Cancelled");
  EXPECT_EQ(cancel("a").status, 200u);
  EXPECT_EQ(until_ended("a")["phase"], "Cancelled");
  EXPECT_EQ(cancel("a").status, 200u) << "again is fine";
  EXPECT_EQ(cancel("unknown").status, 404u);
  EXPECT_FALSE(fs::exists(folder.path() / "volume/a.mp4"));
  director->let_go();
  put("c");
  EXPECT_EQ(until_ended("c")["phase"], "Succeeded");
}

TEST_F(JobsOverHttpTest, ACancelOfAnOlderAttemptOrLeaderIsRefused) {
  start();
  director->hold();
  put_body(body_of("a", 2, "100"));
  EXPECT_EQ(reason(cancel("a", 1, "100")), "StaleAttempt");
  EXPECT_EQ(reason(cancel("a", 2, "99")), "StaleEpoch");
  EXPECT_NE(phase("a"), "Cancelled");
}

TEST_F(JobsOverHttpTest, AJobPastItsDeadlineFailsAndTheNextAttemptRuns) {
  start();
  director->hold();
  director->ignore_stop(true);
  Json body = body_of("a");
  body["activeDeadlineSeconds"] = 1;
  put_body(body);
  const Json ended = until_ended("a");
  EXPECT_EQ(ended["error"]["reason"], "DeadlineExceeded");
  // The thread is still busy with attempt 1, as in a long kernel.
  EXPECT_EQ(put("a", 2).status, 201u);
  director->ignore_stop(false);
  director->let_go();
  const Json second = until_ended("a");
  EXPECT_EQ(second["attempt"], 2);
  EXPECT_EQ(second["phase"], "Succeeded") << second;
  EXPECT_EQ(scratch_files(), 0u);
}

TEST_F(JobsOverHttpTest, AFailedGenerationSaysWhetherAnotherAttemptMayHelp) {
  start();
  director->fail_next(internal_error("the encoder ended with status 1"));
  put("a");
  const Json ended = until_ended("a");
  EXPECT_EQ(ended["phase"], "Failed");
  EXPECT_EQ(ended["error"]["reason"], "GenerationFailed");
  EXPECT_EQ(ended["error"]["retryable"], true);
  EXPECT_THAT(ended["error"]["message"].get<std::string>(), HasSubstr("encoder"));
}

TEST_F(JobsOverHttpTest, AnOutputThatHoldsOtherBytesIsNotOverwritten) {
  start();
  std::ofstream(folder.path() / "volume/a.mp4") << "someone else's video";
  put("a");
  const Json ended = until_ended("a");
  EXPECT_EQ(ended["error"]["reason"], "OutputExists");
  EXPECT_EQ(ended["error"]["retryable"], false);
  EXPECT_EQ(artifact("a.mp4"), "someone else's video");
}

TEST_F(JobsOverHttpTest, AnOutputThatHoldsTheseBytesAlreadyIsASuccess) {
  start();
  put("a");
  const Json first = until_ended("a");
  put("a", 2);
  const Json second = until_ended("a");
  EXPECT_EQ(second["phase"], "Succeeded");
  EXPECT_EQ(second["attempt"], 2);
  EXPECT_EQ(second["result"]["sha256"], first["result"]["sha256"]);
}

TEST_F(JobsOverHttpTest, AnArtifactServerThatComesLaterGetsTheVideo) {
  start();
  const uint16_t at_port = artifact_port;
  run(io, artifacts->stop(0ms));
  artifacts.reset();
  put("a");
  run_until([&] { return string_or(state("a"), {"progress", "phase"}, "") == "Upload"; });
  start_artifacts(at_port);
  EXPECT_EQ(until_ended("a")["phase"], "Succeeded");
  EXPECT_EQ(state("a")["result"]["sha256"], sha256_digest(artifact("a.mp4")));
}

TEST_F(JobsOverHttpTest, WithoutAnArtifactServerTheJobFailsInTheEnd) {
  settings.upload_give_up = 300ms;
  start();
  run(io, artifacts->stop(0ms));
  artifacts.reset();
  put("a");
  const Json ended = until_ended("a");
  EXPECT_EQ(ended["error"]["reason"], "UploadFailed");
  EXPECT_EQ(ended["error"]["retryable"], true);
  EXPECT_EQ(scratch_files(), 0u);
}

TEST_F(JobsOverHttpTest, ACancelEndsAnUploadThatWaits) {
  start();
  run(io, artifacts->stop(0ms));
  artifacts.reset();
  put("a");
  run_until([&] { return string_or(state("a"), {"progress", "phase"}, "") == "Upload"; });
  cancel("a");
  EXPECT_EQ(until_ended("a")["phase"], "Cancelled");
}

TEST_F(JobsOverHttpTest, SaysWhatItDoesNotKnow) {
  start();
  EXPECT_EQ(get("/v1/nothing").status, 404u);
  EXPECT_EQ(get("/").status, 404u);
  EXPECT_EQ(call("POST", "/v1/jobs", sign(pod_grant())).status, 405u);
  EXPECT_EQ(call("GET", "/v1/jobs/u", sign(job_grant("u", 1, "1"))).status, 404u);
}

}  // namespace
}  // namespace wan::service
