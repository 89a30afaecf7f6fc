#pragma once
// A serving pod in this process, on real sockets, with the scripted generator in the model's place, and a
// real artifact server beside it; plus the operator's side of the talk.

#include <boost/asio/io_context.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "../../base/run_task.h"
#include "../../base/temporary_folder.h"
#include "../jobs/scripted_generator.h"
#include "../process.h"
#include "base/crypto/capability.h"
#include "base/net/client.h"
#include "base/net/line_decoder.h"
#include "runtime/gallery/artifacts/server.h"
#include "runtime/service/runtime_server.h"

namespace wan::service::testing {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using wan::testing::Director;
using wan::testing::run;

inline const std::string kSeed(32, 'k');
inline const std::string kPodUid = "5d0c2a54-pod";
inline const std::string kAudience = "artifacts/default/videos";

inline std::string sign(const Capability& capability) { return *sign_capability(capability, kSeed); }

inline Capability pod_grant() {
  Capability capability;
  capability.audience = kPodUid;
  capability.scope = "pod";
  capability.expires_at = SystemClock().wall() + 5min;
  return capability;
}

inline Capability job_grant(const std::string& uid, int attempt, const std::string& epoch) {
  Capability capability = pod_grant();
  capability.scope = "job";
  capability.subject = uid;
  capability.attempt = attempt;
  capability.epoch = epoch;
  return capability;
}

inline Capability upload_grant(const std::string& path, const std::string& scope = "artifact:write") {
  Capability capability = pod_grant();
  capability.audience = kAudience;
  capability.scope = scope;
  capability.path = path;
  return capability;
}

// GET /v1/events, line by line.
class Events {
 public:
  explicit Events(std::unique_ptr<net::ResponseStream> stream) : stream_(std::move(stream)) {}
  // The next line; null when the stream ended.
  Task<Json> next() {
    while (lines_.empty()) {
      std::string bytes;
      const auto more = co_await stream_->read_some(bytes, 30s);
      if (!more || !*more) co_return Json();
      const auto lines = decoder_.feed(bytes);
      for (const std::string& line : *lines) lines_.push_back(line);
    }
    const auto json = parse_json(lines_.front());
    lines_.pop_front();
    if (!json) throw std::runtime_error("an event that is not JSON");
    seen.push_back(*json);
    co_return *json;
  }
  std::vector<Json> seen;

 private:
  std::unique_ptr<net::ResponseStream> stream_;
  net::LineDecoder decoder_;
  std::deque<std::string> lines_;
};

class PodFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    settings.port = 0;
    settings.authority = {*ed25519_public_key_base64(kSeed), kPodUid};
    settings.scratch = folder.path() / "scratch";
    settings.heartbeat = 50ms;
    fs::create_directories(settings.scratch);
    fs::create_directories(folder.path() / "volume");
    settings.loader = [this](const pipeline::ProgressSink&) -> Result<std::unique_ptr<pipeline::Generator>> {
      while (loading) std::this_thread::sleep_for(1ms);
      if (load_failure) return fail(*load_failure);
      return std::make_unique<wan::testing::ScriptedGenerator>(director);
    };
  }
  void TearDown() override {
    director->ignore_stop(false);
    director->let_go();
    loading = false;
    if (port != 0 && !outcome) {
      settings.drain = 0s;
      ::raise(SIGTERM);
      ended();
    }
    if (artifacts) run(io, artifacts->stop(0ms));
  }

  void start_artifacts(uint16_t at_port = 0) {
    gallery::ArtifactServerSettings made;
    made.authority = {settings.authority.public_key, kAudience};
    made.http.port = at_port;
    artifacts = std::make_unique<gallery::ArtifactServer>(
        io.get_executor(), gallery::volume_backend(*gallery::open_artifacts(folder.path() / "volume")), made,
        clock);
    ASSERT_TRUE(artifacts->start());
    artifact_port = artifacts->port();
  }
  void start_pod() {
    asio::co_spawn(
        io, serve(settings, [this](uint16_t listening) { port = listening; }),
        [this](const std::exception_ptr&, Result<Outcome> result) { outcome = std::move(result); });
    run_until([this] { return port != 0 || outcome; });
    ASSERT_NE(port, 0);
  }
  void start() {
    start_artifacts();
    start_pod();
    run_until([this] { return get("/readyz").status == 200; });
  }
  // Waits for the pod to end by itself or by a signal.
  Outcome ended() {
    run_until([this] { return outcome.has_value(); });
    return **outcome;
  }

  template <typename Condition>
  void run_until(Condition condition, std::chrono::seconds limit = 60s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "the condition did not come true";
      io.restart();
      io.run_for(1ms);
    }
  }

  net::Response send(net::Request request) {
    const auto url = net::parse_url("http://127.0.0.1:" + std::to_string(port));
    net::Client client(io.get_executor(), *url);
    auto response = run(io, client.send(std::move(request), 30s));
    return response.value_or(net::Response{});
  }
  net::Response call(const std::string& method, const std::string& target, const std::string& token,
                     const std::string& body = "") {
    net::Request request{method, target, {}, body};
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    return send(std::move(request));
  }
  net::Response get(const std::string& target) { return call("GET", target, sign(pod_grant())); }

  [[nodiscard]] Json body_of(const std::string& uid, int attempt = 1,
                             const std::string& epoch = "100") const {
    return {{"metadata", {{"namespace", "default"}, {"name", "job-" + uid}, {"uid", uid}}},
            {"podUID", kPodUid},
            {"attempt", attempt},
            {"epoch", epoch},
            {"spec", {{"prompt", "prompt of " + uid}, {"seed", 7}}},
            {"artifact",
             {{"url", "http://127.0.0.1:" + std::to_string(artifact_port) + "/v1/artifacts/" + uid + ".mp4"},
              {"token", sign(upload_grant(uid + ".mp4"))}}}};
  }
  net::Response put_body(const Json& body) {
    const std::string uid = body["metadata"]["uid"];
    const std::string token = sign(job_grant(uid, body["attempt"], body["epoch"]));
    return call("PUT", "/v1/jobs/" + uid, token, body.dump());
  }
  net::Response put(const std::string& uid, int attempt = 1) { return put_body(body_of(uid, attempt)); }
  net::Response cancel(const std::string& uid, int attempt = 1, const std::string& epoch = "100") {
    return call("DELETE", "/v1/jobs/" + uid, sign(job_grant(uid, attempt, epoch)));
  }
  Json state(const std::string& uid) {
    return *parse_json(call("GET", "/v1/jobs/" + uid, sign(job_grant(uid, 1, "100"))).body);
  }
  std::string phase(const std::string& uid) { return string_or(state(uid), {"phase"}, ""); }
  Json until_ended(const std::string& uid) {
    Json last;
    run_until([&] {
      last = state(uid);
      const std::string now = string_or(last, {"phase"}, "");
      return now == "Succeeded" || now == "Failed" || now == "Cancelled";
    });
    return last;
  }
  static std::string reason(const net::Response& response) {
    const auto json = parse_json(response.body);
    return json ? string_or(*json, {"error", "reason"}, "") : "no JSON: " + response.body;
  }

  std::unique_ptr<Events> events() {
    const auto url = net::parse_url("http://127.0.0.1:" + std::to_string(port));
    stream_clients.push_back(std::make_unique<net::Client>(io.get_executor(), *url));
    net::Request request{"GET", "/v1/events", {{"Authorization", "Bearer " + sign(pod_grant())}}, ""};
    auto stream = run(io, stream_clients.back()->open(std::move(request), 10s));
    EXPECT_TRUE(stream);
    EXPECT_EQ((*stream)->head().status, 200u);
    return std::make_unique<Events>(*std::move(stream));
  }
  [[nodiscard]] std::string artifact(const std::string& path) const {
    return wan::testing::read_text(folder.path() / "volume" / path);
  }
  [[nodiscard]] size_t scratch_files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(settings.scratch), {}));
  }

  wan::testing::TemporaryFolder folder;
  SystemClock clock;
  asio::io_context io{1};
  std::shared_ptr<Director> director = std::make_shared<Director>();
  std::atomic<bool> loading{false};
  std::optional<Error> load_failure;
  Settings settings;
  uint16_t port = 0;
  uint16_t artifact_port = 0;
  std::unique_ptr<gallery::ArtifactServer> artifacts;
  std::vector<std::unique_ptr<net::Client>> stream_clients;
  std::optional<Result<Outcome>> outcome;
};

}  // namespace wan::service::testing
