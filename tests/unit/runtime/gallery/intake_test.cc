// Files that an artifact server takes in from elsewhere: what it asks, what it refuses, what it keeps.

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../base/run_task.h"
#include "../../base/temporary_folder.h"
#include "base/net/client.h"
#include "runtime/gallery/artifacts/server.h"
#include "tests/support/scripted_server.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using wan::testing::answer;
using wan::testing::run;

const std::string kSeed(32, 's');
const std::string kAudience = "artifacts/default/videos";
const std::string kPicture = "the bytes of a picture";

class IntakeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    settings.authority = {*ed25519_public_key_base64(kSeed), kAudience};
    settings.intake.networks = {*net::parse_network("127.0.0.0/8")};
    start();
  }
  void TearDown() override {
    run(io, server->stop(0ms));
    run(io, source.stop());
  }
  void start() {
    if (server) run(io, server->stop(0ms));
    server = std::make_unique<ArtifactServer>(
        io.get_executor(), volume_backend(*open_artifacts(folder.path()), read_only), settings, clock);
    ASSERT_TRUE(server->start());
  }
  [[nodiscard]] std::string token(const std::string& scope, const std::string& path) const {
    Capability capability;
    capability.audience = kAudience;
    capability.scope = scope;
    capability.path = path;
    capability.expires_at = clock.wall() + 5min;
    return *sign_capability(capability, kSeed);
  }
  net::Response send(net::Request request, const std::string& scope, const std::string& path) {
    const auto url = net::parse_url("http://127.0.0.1:" + std::to_string(server->port()));
    request.headers.set("Authorization", "Bearer " + token(scope, path));
    net::Client client(io.get_executor(), *url);
    auto response = run(io, client.send(std::move(request), 60s));
    EXPECT_TRUE(response) << response.error().message;
    return response.value_or(net::Response{});
  }
  net::Response take_in(const Json& body, const std::string& scope = "artifact:write") {
    return send({"POST", "/v1/blobs", {}, to_text(body)}, scope, "blobs");
  }
  net::Response take_in_url(const std::string& target = "/ball.png") {
    return take_in({{"from", {{"url", source.url() + target}}}});
  }
  [[nodiscard]] static std::string said(const net::Response& response) {
    const auto json = parse_json(response.body);
    return json ? string_or(*json, {"error", "message"}, "") : "";
  }
  [[nodiscard]] std::string stored(const std::string& bytes) {
    const std::string path = "blobs/" + sha256_digest(bytes);
    return send({"GET", "/v1/" + path, {}, ""}, "artifact:read", path).body;
  }
  [[nodiscard]] size_t blobs() const {
    std::error_code none;
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder.path() / ".wan/blobs/sha256", none), {}));
  }

  wan::testing::TemporaryFolder folder;
  SystemClock clock;
  asio::io_context io{1};
  wan::testing::ScriptedServer source{io};
  ArtifactServerSettings settings;
  bool read_only = false;
  std::unique_ptr<ArtifactServer> server;
};

TEST_F(IntakeTest, KeepsWhatAUrlHas) {
  source.script(answer(200, kPicture));
  const net::Response taken = take_in_url("/ball.png?signature=secret");
  ASSERT_EQ(taken.status, 200u) << taken.body;
  EXPECT_EQ(string_or(*parse_json(taken.body), {"sha256"}, ""), sha256_digest(kPicture));
  EXPECT_EQ(int_or(*parse_json(taken.body), {"bytes"}, 0), static_cast<int64_t>(kPicture.size()));
  EXPECT_EQ(stored(kPicture), kPicture);
  EXPECT_THAT(source.requests()[0].head,
              AllOf(HasSubstr("GET /ball.png?signature=secret"), Not(HasSubstr("Authorization"))));
}

TEST_F(IntakeTest, AsksNobodyForWhatItHas) {
  const std::string digest = sha256_digest(kPicture);
  const net::Response absent = take_in({{"sha256", digest}});
  EXPECT_EQ(absent.status, 404u);
  EXPECT_THAT(said(absent), HasSubstr(digest));
  net::Request upload{"PUT", "/v1/blobs/" + digest, {{"X-Content-SHA256", digest}}, kPicture};
  ASSERT_EQ(send(std::move(upload), "artifact:write", "blobs/" + digest).status, 201u);
  EXPECT_EQ(take_in({{"sha256", digest}}).status, 200u);
  EXPECT_EQ(take_in({{"sha256", digest}, {"from", {{"url", source.url()}}}}).status, 200u);
  EXPECT_TRUE(source.requests().empty());
}

TEST_F(IntakeTest, AnotherPictureThanTheJobBeganWithIsRefused) {
  source.script(answer(200, "another one"));
  const net::Response refused =
      take_in({{"sha256", sha256_digest(kPicture)}, {"from", {{"url", source.url() + "/x?key=secret"}}}});
  EXPECT_EQ(refused.status, 422u);
  EXPECT_THAT(said(refused), AllOf(HasSubstr("/x has other bytes now"), Not(HasSubstr("secret"))));
}

TEST_F(IntakeTest, GoesNowhereButToPublicAddresses) {
  settings.intake.networks.clear();
  start();
  for (const std::string& url : {source.url(), "http://localhost:" + std::to_string(source.port()),
                                 std::string("http://169.254.169.254/latest/meta-data"),
                                 "http://[::ffff:127.0.0.1]:" + std::to_string(source.port())}) {
    const net::Response refused = take_in({{"from", {{"url", url}}}});
    EXPECT_EQ(refused.status, 422u) << url;
    EXPECT_THAT(said(refused), HasSubstr("not one that may be asked"));
  }
  EXPECT_TRUE(source.requests().empty());
}

TEST_F(IntakeTest, ARedirectIsChecked) {
  source.script(answer(302, "", "Location: /there\r\n"));
  source.script(answer(200, kPicture));
  EXPECT_EQ(take_in_url().status, 200u);
  EXPECT_THAT(source.requests()[1].head, HasSubstr("GET /there "));
  source.script(answer(302, "", "Location: http://10.0.0.1/inside\r\n"));
  const net::Response inside = take_in_url();
  EXPECT_EQ(inside.status, 422u);
  EXPECT_THAT(said(inside), HasSubstr("not one that may be asked"));
  for (int i = 0; i < 4; ++i) source.script(answer(307, "", "Location: /again\r\n"));
  const net::Response round = take_in_url();
  EXPECT_EQ(round.status, 502u);
  EXPECT_THAT(said(round), HasSubstr("redirects more than 3 times"));
}

TEST_F(IntakeTest, SaysWhatIsWrongWithTheSource) {
  source.script(answer(404, "no"));
  EXPECT_EQ(take_in_url().status, 404u);
  source.script(answer(403, "signature expired"));
  const net::Response refused = take_in_url("/ball.png?signature=secret");
  EXPECT_EQ(refused.status, 502u);
  EXPECT_THAT(said(refused), AllOf(HasSubstr("/ball.png"), HasSubstr("HTTP 403"), Not(HasSubstr("secret")),
                                   Not(HasSubstr("expired"))))
      << "a stranger's words are not passed on";
  source.script(answer(200, ""));
  EXPECT_THAT(said(take_in_url()), HasSubstr("it is empty"));
  source.script({{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"}, wan::testing::Ending::kReset});
  EXPECT_EQ(take_in_url().status, 502u);
  EXPECT_EQ(blobs(), 0u);
  EXPECT_TRUE(fs::is_empty(folder.path() / ".wan/tmp"));
}

TEST_F(IntakeTest, TakesNoMoreThanItsLimit) {
  settings.intake.max_bytes = 1000;
  start();
  source.script(answer(200, std::string(1000, 'p')));
  EXPECT_EQ(take_in_url().status, 200u);
  for (const auto& large :
       {answer(200, std::string(1001, 'p')), wan::testing::chunked_answer({std::string(1001, 'p')})}) {
    source.script(large);
    const net::Response refused = take_in_url();
    EXPECT_EQ(refused.status, 422u);
    EXPECT_THAT(said(refused), HasSubstr("larger than 1000 bytes"));
  }
  EXPECT_EQ(blobs(), 1u);
}

TEST_F(IntakeTest, ASlowSourceIsAskedOnceAndAnsweredLater) {
  settings.intake.answer_within = 0ms;
  start();
  source.script(answer(200, kPicture));
  const net::Response first = take_in_url();
  EXPECT_EQ(first.status, 202u);
  const auto end = std::chrono::steady_clock::now() + 30s;
  net::Response later = first;
  while (later.status == 202 && std::chrono::steady_clock::now() < end) later = take_in_url();
  EXPECT_EQ(later.status, 200u);
  EXPECT_EQ(source.requests().size(), 1u);
}

TEST_F(IntakeTest, GivesASilentSourceUp) {
  settings.intake.give_up_after = 50ms;
  start();
  const net::Response given_up = take_in_url();
  EXPECT_EQ(given_up.status, 502u) << given_up.body;
}

TEST_F(IntakeTest, ReadsAnotherArtifactServerWithTheCapabilityItWasGiven) {
  settings.intake.networks.clear();  // they are inside of the cluster
  start();
  source.script(answer(200, kPicture));
  const Json from = {{"artifact", source.url() + "/v1/artifacts/ball.png"}, {"token", "a-capability"}};
  EXPECT_EQ(take_in({{"from", from}}).status, 200u);
  EXPECT_THAT(source.requests()[0].head, HasSubstr("Authorization: Bearer a-capability"));
  source.script(answer(503, R"({"error":{"reason":"Unavailable","message":"the bucket is gone"}})"));
  EXPECT_THAT(said(take_in({{"from", from}})), HasSubstr("the bucket is gone"));
}

TEST_F(IntakeTest, NeedsARightAndASaneQuestion) {
  EXPECT_EQ(take_in({{"from", {{"url", source.url()}}}}, "artifact:read").status, 403u);
  for (const char* body : {"", "[]", "{}", R"({"sha256":"md5:1"})", R"({"from":{"url":7}})",
                           R"({"from":{"url":"http://a","artifact":"http://b"}})"}) {
    EXPECT_EQ(send({"POST", "/v1/blobs", {}, body}, "artifact:write", "blobs").status, 422u) << body;
  }
  for (const char* url : {"file:///etc/passwd", "ftp://a/b", "http://user:word@127.0.0.1/", "gopher://a"}) {
    EXPECT_EQ(take_in({{"from", {{"url", url}}}}).status, 422u) << url;
  }
}

TEST_F(IntakeTest, AStoreThatIsOnlyReadIsNotWritten) {
  std::ofstream(folder.path() / "ball.png") << kPicture;
  read_only = true;
  start();
  EXPECT_EQ(send({"GET", "/v1/artifacts/ball.png", {}, ""}, "artifact:read", "ball.png").body, kPicture);
  EXPECT_EQ(take_in_url().status, 405u);
  net::Request put{"PUT", "/v1/artifacts/a.mp4", {{"X-Content-SHA256", sha256_digest("x")}}, "x"};
  const net::Response refused = send(std::move(put), "artifact:write", "a.mp4");
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(refused.headers.get("Allow"), "GET, HEAD");
  EXPECT_EQ(blobs(), 0u);
}

}  // namespace
}  // namespace wan::gallery
