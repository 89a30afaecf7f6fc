// The real programs with the built-in model: wan-gallery makes a store and fills the pod's directory as the
// init container does, wan-runtime serves it, wan-gallery artifacts takes the mp4.

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../../base/run_task.h"
#include "../../../base/temporary_folder.h"
#include "../../process.h"
#include "base/crypto/capability.h"
#include "base/crypto/sha256.h"
#include "base/json/json.h"
#include "base/net/client.h"
#include "base/net/line_decoder.h"
#include "tests/support/paths.h"

namespace wan {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::eventually;
using testing::Process;
using testing::run;

const std::string kSeed(32, 'r');
const std::string kPodUid = "real-pod";
const std::string kAudience = "artifacts/default/videos";

// The port in the line "... listens on port 1234" or "listening on 0.0.0.0:1234"; 0 if it is not there yet.
int port_in(const std::string& log, const std::string& before) {
  const size_t at = log.find(before);
  return at == std::string::npos ? 0 : std::atoi(log.c_str() + at + before.size());
}

class RealPodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder.path() / "volume");
    fs::create_directories(folder.path() / "scratch");
    const std::string gallery = (folder.path() / "gallery").string();
    auto imported =
        start("wan-gallery", {"import", testing::source_dir().string() + "/runtime/models/wan-tiny", "--to",
                              gallery, "--name", "wan-tiny"});
    ASSERT_EQ(imported->wait(), 0) << imported->errors();
    model_digest = imported->output().substr(std::string("wan-tiny@").size(), 71);
    auto pulled = start("wan-gallery", {"pull", "local://" + gallery + ":wan-tiny", "--output", model()});
    ASSERT_EQ(pulled->wait(), 0) << pulled->errors();
    artifacts = start("wan-gallery", {"artifacts", "--root", (folder.path() / "volume").string(), "--listen",
                                      "127.0.0.1:0", "--audience", kAudience});
    ASSERT_TRUE(eventually([&] {
      return (artifact_port = port_in(artifacts->errors(), "listens on port ")) > 0;
    })) << artifacts->errors();
  }

  [[nodiscard]] std::string model() const { return (folder.path() / "models/model").string(); }

  std::unique_ptr<Process> start(const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), testing::program_dir().string() + "/" + program);
    const Process::Environment environment = {
        {"WAN_CAPABILITY_PUBLIC_KEY", *ed25519_public_key_base64(kSeed)},
        {"POD_UID", kPodUid},
        {"JOB_UID", "a"}};
    return std::make_unique<Process>(folder.path() / (program + std::to_string(runs++)), arguments,
                                     environment);
  }
  void start_pod(const std::string& command, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {command,
                                          "--model",
                                          model(),
                                          "--listen",
                                          "127.0.0.1:0",
                                          "--scratch",
                                          (folder.path() / "scratch").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    pod = start("wan-runtime", arguments);
    ASSERT_TRUE(eventually([&] { return (port = port_in(pod->errors(), "listening on 127.0.0.1:")) > 0; }))
        << pod->errors();
    ASSERT_TRUE(eventually([&] { return call("GET", "/readyz", "").status == 200; }, 120s)) << pod->errors();
  }

  static Capability grant(const std::string& audience, const std::string& scope) {
    Capability capability;
    capability.audience = audience;
    capability.scope = scope;
    capability.expires_at = SystemClock().wall() + 10min;
    return capability;
  }
  static std::string pod_token() { return *sign_capability(grant(kPodUid, "pod"), kSeed); }
  static std::string job_token(const std::string& uid, int attempt) {
    Capability capability = grant(kPodUid, "job");
    capability.subject = uid;
    capability.attempt = attempt;
    capability.epoch = "100";
    return *sign_capability(capability, kSeed);
  }
  [[nodiscard]] Json body(const std::string& uid, int attempt, int steps) const {
    Capability upload = grant(kAudience, "artifact:write");
    upload.path = "out/" + uid + ".mp4";
    return {{"metadata", {{"namespace", "default"}, {"name", "red-ball"}, {"uid", uid}}},
            {"podUID", kPodUid},
            {"attempt", attempt},
            {"epoch", "100"},
            {"spec",
             {{"prompt", "a red ball moves to the right on a blue background"},
              {"steps", steps},
              {"frames", 5},
              {"seed", 42}}},
            {"activeDeadlineSeconds", 300},
            {"artifact",
             {{"url", "http://127.0.0.1:" + std::to_string(artifact_port) + "/v1/artifacts/" + upload.path},
              {"token", *sign_capability(upload, kSeed)}}}};
  }
  net::Response call(const std::string& method, const std::string& target, const std::string& token,
                     const std::string& text = "") {
    net::Request request{method, target, {}, text};
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    net::Client client(io.get_executor(), *net::parse_url("http://127.0.0.1:" + std::to_string(port)));
    return run(io, client.send(std::move(request), 30s)).value_or(net::Response{});
  }
  net::Response put(const std::string& uid, int attempt = 1, int steps = 3) {
    return call("PUT", "/v1/jobs/" + uid, job_token(uid, attempt), body(uid, attempt, steps).dump());
  }
  // Follows /v1/events until the job has ended; its last state.
  Json follow(const std::string& uid) {
    net::Client client(io.get_executor(), *net::parse_url("http://127.0.0.1:" + std::to_string(port)));
    return run(io, read_events(&client, uid, &phases), 300s);
  }
  static Task<Json> read_events(net::Client* client, std::string uid, std::vector<std::string>* phases) {
    net::Request request{"GET", "/v1/events", {{"Authorization", "Bearer " + pod_token()}}, ""};
    auto stream = co_await client->open(std::move(request), 30s);
    if (!stream) co_return Json();
    net::LineDecoder decoder;
    for (;;) {
      std::string bytes;
      const auto more = co_await (*stream)->read_some(bytes, 30s);
      if (!more || !*more) co_return Json();
      const auto lines = decoder.feed(bytes);
      for (const std::string& line : *lines) {
        const Json event = *parse_json(line);
        if (string_or(event, {"job", "uid"}, "") != uid) continue;
        const std::string phase = event["job"]["phase"];
        if (phases->empty() || phases->back() != phase) phases->push_back(phase);
        if (phase != "Queued" && phase != "Running") co_return event["job"];
      }
    }
  }
  [[nodiscard]] std::string artifact(const std::string& uid) const {
    return testing::read_text(folder.path() / "volume/out" / (uid + ".mp4"));
  }

  testing::TemporaryFolder folder;
  asio::io_context io{1};
  std::string model_digest;
  int runs = 0;
  int port = 0;
  int artifact_port = 0;
  std::unique_ptr<Process> artifacts;
  std::unique_ptr<Process> pod;
  std::vector<std::string> phases;
};

TEST_F(RealPodTest, AJobBecomesAnMp4WhoseDigestIsInItsStateAndAgainTheSameBytesAfterAKill) {
  start_pod("serve");
  EXPECT_EQ(call("GET", "/v1/status", "").status, 401u);
  const Json status = *parse_json(call("GET", "/v1/status", pod_token()).body);
  EXPECT_EQ(status["model"]["name"], "wan-tiny");
  ASSERT_EQ(put("a").status, 201u);
  const Json first = follow("a");
  ASSERT_EQ(string_or(first, {"phase"}, ""), "Succeeded") << first << pod->errors();
  EXPECT_EQ(phases.back(), "Succeeded");
  EXPECT_EQ(first["result"]["sha256"], sha256_digest(artifact("a")));
  EXPECT_EQ(first["result"]["frames"], 5);
  EXPECT_EQ(status["model"]["digest"], model_digest);
  EXPECT_EQ(first["result"]["modelDigest"], model_digest);
  EXPECT_EQ(artifact("a").substr(4, 4), "ftyp");

  // The pod is killed in the middle of a longer job; what replaces it makes that one, and the first again.
  ASSERT_EQ(put("b", 1, 200).status, 201u);
  ASSERT_TRUE(eventually([&] {
    const Json state = *parse_json(call("GET", "/v1/jobs/b", job_token("b", 1)).body);
    return string_or(state, {"progress", "phase"}, "") == "Denoise";
  }));
  pod->signal(SIGKILL);
  pod->wait();
  EXPECT_FALSE(fs::exists(folder.path() / "volume/out/b.mp4"));
  start_pod("serve");
  EXPECT_EQ((*parse_json(call("GET", "/v1/jobs", pod_token()).body))["items"].size(), 0u);
  ASSERT_EQ(put("a", 2).status, 201u);
  ASSERT_EQ(put("b", 2).status, 201u);
  const Json again = follow("a");
  ASSERT_EQ(string_or(again, {"phase"}, ""), "Succeeded") << again << pod->errors();
  EXPECT_EQ(again["result"]["sha256"], first["result"]["sha256"]);
  EXPECT_EQ(again["jobHash"], first["jobHash"]);
  const Json second = follow("b");
  ASSERT_EQ(string_or(second, {"phase"}, ""), "Succeeded") << second << pod->errors();
  EXPECT_EQ(second["result"]["sha256"], sha256_digest(artifact("b")));

  pod->signal(SIGTERM);
  EXPECT_EQ(pod->wait(), 0) << pod->errors();
}

TEST_F(RealPodTest, AOneShotPodEndsWithItsJobAndLeavesItsState) {
  const fs::path log = folder.path() / "termination-log";
  start_pod("job", {"--termination-log", log.string()});
  ASSERT_EQ(put("a").status, 201u);
  EXPECT_EQ(string_or(follow("a"), {"phase"}, ""), "Succeeded");
  EXPECT_EQ(pod->wait(), 0) << pod->errors();
  const auto message = parse_json(testing::read_text(log));
  ASSERT_TRUE(message);
  EXPECT_EQ((*message)["result"]["sha256"], sha256_digest(artifact("a")));
}

TEST_F(RealPodTest, ADamagedModelIsSaidInTheEndOfAOneShotPod) {
  std::ofstream(model() + "/transformer/config.json") << "{";
  const fs::path log = folder.path() / "termination-log";
  auto broken =
      start("wan-runtime", {"job", "--model", model(), "--listen", "127.0.0.1:0", "--scratch",
                            (folder.path() / "scratch").string(), "--termination-log", log.string()});
  EXPECT_EQ(broken->wait(), 1) << broken->errors();
  const auto message = parse_json(testing::read_text(log));
  ASSERT_TRUE(message);
  EXPECT_EQ(string_or(*message, {"error", "reason"}, ""), "ModelLoadFailed") << *message;
}

TEST_F(RealPodTest, WithoutAKeyOnlyTheOwnMachineIsServed) {
  Process open(folder.path() / "open", {testing::program_dir().string() + "/wan-runtime", "serve", "--model",
                                        model(), "--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.wait(), 2);
  EXPECT_THAT(open.errors(), ::testing::HasSubstr("WAN_CAPABILITY_PUBLIC_KEY"));
}

}  // namespace
}  // namespace wan
