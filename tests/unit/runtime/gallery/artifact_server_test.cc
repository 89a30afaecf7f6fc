#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../base/net/loopback.h"
#include "../../base/run_task.h"
#include "../../base/temporary_folder.h"
#include "../process.h"
#include "base/json/json.h"
#include "base/net/client.h"
#include "runtime/gallery/artifacts/server.h"
#include "s3_fixture.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using wan::testing::run;

const std::string kSeed(32, 's');
const std::string kAudience = "artifacts/default/videos";

enum class Store { kVolume, kBucket };

// What every store promises, on a folder and on a real S3 server.
class ArtifactServerTest : public ::testing::TestWithParam<Store> {
 protected:
  void SetUp() override {
    if (is_bucket() && !wan::testing::S3Server::is_available()) {
      GTEST_SKIP() << "no S3 server: ./wan test store sets WAN_S3_SERVER";
    }
    settings.authority = {*ed25519_public_key_base64(kSeed), kAudience};
    if (is_bucket()) {
      s3.emplace(folder.path() / "s3");
      s3->make_bucket("films");
      fs::create_directory(uploads());
    }
    start();
  }
  void TearDown() override {
    if (server) run(io, server->stop(0ms));
  }

  static bool is_bucket() { return GetParam() == Store::kBucket; }
  [[nodiscard]] fs::path uploads() const { return is_bucket() ? folder.path() / "uploads" : folder.path(); }
  // The file behind an artifact.
  [[nodiscard]] fs::path file(const std::string& path) const {
    return is_bucket() ? s3->file("films", "clips/" + path) : folder.path() / path;
  }
  // What makes the bytes found by their digest.
  [[nodiscard]] fs::path by_digest(const std::string& bytes) const {
    const std::string hex = sha256_hex(bytes);
    return file(is_bucket() ? ".wan/index/" + hex + ".json" : ".wan/blobs/sha256/" + hex);
  }
  std::unique_ptr<Backend> backend() {
    if (!is_bucket()) return volume_backend(*open_artifacts(folder.path()));
    BucketSettings bucket;
    bucket.s3.endpoint = s3->url();
    bucket.s3.bucket = "films";
    bucket.s3.path_style = true;
    bucket.prefix = "clips/";
    bucket.credentials = folder.path() / "secret";
    wan::testing::write_secret(bucket.credentials, wan::testing::S3Server::kSecretKey);
    return bucket_backend(io.get_executor(), std::move(bucket), *open_artifacts(uploads()), clock);
  }
  void damage(const std::string& path) const {
    fs::permissions(file(path), fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(file(path), std::ios::in | std::ios::out) << "damaged";
  }

  void put_by_others(const std::string& path, const std::string& bytes) {
    if (!is_bucket()) {
      std::ofstream(file(path)) << bytes;
      return;
    }
    S3Settings there;
    there.endpoint = s3->url();
    there.bucket = "films";
    there.path_style = true;
    asio::thread_pool files(1);
    S3Client client(io.get_executor(), there, folder.path() / "secret", files, clock);
    S3Put object;
    object.key = "clips/" + path;
    object.body = bytes;
    object.sha256 = sha256_hex(bytes);
    EXPECT_TRUE(run(io, client.put(std::move(object))));
  }

  void start() {
    server = std::make_unique<ArtifactServer>(io.get_executor(), backend(), settings, clock);
    const Status started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  [[nodiscard]] std::string token(const std::string& scope, const std::string& path,
                                  const std::string& audience = kAudience) const {
    Capability capability;
    capability.audience = audience;
    capability.scope = scope;
    capability.path = path;
    capability.expires_at = clock.wall() + 5min;
    return *sign_capability(capability, kSeed);
  }
  net::Response send(net::Request request) {
    const auto url = net::parse_url("http://127.0.0.1:" + std::to_string(server->port()));
    net::Client client(io.get_executor(), *url);
    auto response = run(io, client.send(std::move(request), 30s));
    EXPECT_TRUE(response) << response.error().message;
    return response.value_or(net::Response{});
  }
  [[nodiscard]] net::Request put_request(const std::string& path, const std::string& bytes) const {
    net::Request request{"PUT", "/v1/artifacts/" + path, {}, bytes};
    request.headers.set("Authorization", "Bearer " + token("artifact:write", path));
    request.headers.set("X-Content-SHA256", sha256_digest(bytes));
    return request;
  }
  net::Response put(const std::string& path, const std::string& bytes) {
    return send(put_request(path, bytes));
  }
  net::Response get(const std::string& path, net::Headers headers = {}, const std::string& method = "GET") {
    headers.set("Authorization", "Bearer " + token("artifact:read", path));
    return send({method, "/v1/artifacts/" + path, std::move(headers), ""});
  }
  static std::string reason(const net::Response& response) {
    const auto json = parse_json(response.body);
    return json ? string_or(*json, {"error", "reason"}, "") : "no JSON";
  }
  [[nodiscard]] size_t temporary_files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(uploads() / ".wan/tmp"), {}));
  }

  wan::testing::TemporaryFolder folder;
  std::optional<wan::testing::S3Server> s3;
  SystemClock clock;
  asio::io_context io{1};
  ArtifactServerSettings settings;
  std::unique_ptr<ArtifactServer> server;
};

TEST_P(ArtifactServerTest, PublishesWhatItHasAtAnotherPathAfterHashingItAgain) {
  const std::string video(100'000, 'v');
  const auto copy = [&](const std::string& path) {
    net::Request request = put_request(path, video);
    request.body.clear();
    request.headers.set("X-Copy-Source", "blobs/" + sha256_digest(video));
    return send(std::move(request));
  };
  EXPECT_EQ(copy("b.mp4").status, 404u);
  ASSERT_EQ(put("a.mp4", video).status, 201u);
  EXPECT_EQ(copy("b.mp4").status, 201u);
  EXPECT_EQ(copy("b.mp4").status, 200u);
  EXPECT_EQ(get("b.mp4").body, video);
  ASSERT_EQ(put("c.mp4", "other").status, 201u);
  EXPECT_EQ(copy("c.mp4").status, 409u);
  net::Request with_body = put_request("d.mp4", video);
  with_body.headers.set("X-Copy-Source", "blobs/" + sha256_digest(video));
  EXPECT_EQ(send(std::move(with_body)).status, 422u);
  // One file on a volume, two objects in a bucket.
  for (const char* path : {"a.mp4", "b.mp4"}) damage(path);
  const net::Response damaged = copy("e.mp4");
  EXPECT_EQ(damaged.status, 422u);
  EXPECT_EQ(reason(damaged), "DigestMismatch");
  EXPECT_FALSE(fs::exists(file("e.mp4")));
}

TEST_P(ArtifactServerTest, StoresAndHandsBackTheSameBytes) {
  const std::string video(3'000'000, 'v');
  const net::Response stored = put("out/a.mp4", video);
  EXPECT_EQ(stored.status, 201u);
  EXPECT_EQ(wan::testing::read_text(file("out/a.mp4")), video);
  const net::Response read = get("out/a.mp4");
  EXPECT_EQ(read.status, 200u);
  EXPECT_EQ(read.body, video);
  EXPECT_EQ(read.headers.get("Content-Type"), "video/mp4");
  EXPECT_EQ(read.headers.get("ETag"), "\"" + sha256_digest(video) + "\"");
  EXPECT_EQ(read.headers.get("X-Content-SHA256"), sha256_digest(video));
}

TEST_P(ArtifactServerTest, AnswersRangesAndHeads) {
  put("a.mp4", "0123456789");
  const net::Response part = get("a.mp4", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206u);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(get("a.mp4", {{"Range", "bytes=20-"}}).status, 416u);
  const net::Response head = get("a.mp4", {}, "HEAD");
  EXPECT_EQ(head.status, 200u);
  EXPECT_EQ(head.headers.get("Content-Length"), "10");
  EXPECT_EQ(head.body, "");
}

TEST_P(ArtifactServerTest, RemovesAnArtifactAndItsBlobUnlessAnotherPathHasTheSameBytes) {
  const auto remove = [&](const std::string& path, const std::string& if_match,
                          const std::string& scope = "artifact:delete") {
    net::Headers headers{{"Authorization", "Bearer " + token(scope, path)}};
    if (!if_match.empty()) headers.set("If-Match", if_match);
    return send({"DELETE", "/v1/artifacts/" + path, std::move(headers), ""});
  };
  const std::string tag = "\"" + sha256_digest("one") + "\"";
  const fs::path blob = by_digest("one");
  put("a.mp4", "one");
  put("b.mp4", "one");
  EXPECT_EQ(remove("a.mp4", tag, "artifact:write").status, 403u);
  EXPECT_EQ(remove("a.mp4", "").status, 428u);
  const net::Response other = remove("a.mp4", "\"" + sha256_digest("two") + "\"");
  EXPECT_EQ(other.status, 412u);
  EXPECT_EQ(reason(other), "OtherBytes");
  EXPECT_EQ(get("a.mp4").body, "one");

  EXPECT_EQ(remove("a.mp4", tag).status, 204u);
  EXPECT_EQ(get("a.mp4").status, 404u);
  EXPECT_EQ(get("b.mp4").body, "one");
  EXPECT_TRUE(fs::exists(blob));
  EXPECT_EQ(remove("a.mp4", tag).status, 404u) << "again";
  EXPECT_EQ(remove("b.mp4", tag).status, 204u);
  EXPECT_FALSE(fs::exists(blob));
  EXPECT_TRUE(is_bucket() || fs::is_empty(folder.path() / ".wan/index"));
  EXPECT_EQ(put("a.mp4", "two").status, 201u) << "the path is free again";
}

TEST_P(ArtifactServerTest, APathOnceTakenKeepsItsBytes) {
  EXPECT_EQ(put("a.mp4", "one").status, 201u);
  EXPECT_EQ(put("a.mp4", "one").status, 200u);
  const net::Response refused = put("a.mp4", "two");
  EXPECT_EQ(refused.status, 409u);
  EXPECT_EQ(reason(refused), "AlreadyExists");
  EXPECT_EQ(get("a.mp4").body, "one");
}

TEST_P(ArtifactServerTest, OtherBytesThanAnnouncedAreRefusedAndLeaveNothing) {
  net::Request request = put_request("a.mp4", "video");
  request.body = "vid30";
  const net::Response refused = send(std::move(request));
  EXPECT_EQ(refused.status, 422u);
  EXPECT_EQ(reason(refused), "DigestMismatch");
  EXPECT_FALSE(fs::exists(file("a.mp4")));
  EXPECT_EQ(temporary_files(), 0u);
}

TEST_P(ArtifactServerTest, TheDigestMustBeAnnounced) {
  net::Request request = put_request("a.mp4", "video");
  request.headers.set("X-Content-SHA256", "md5:1234");
  const net::Response refused = send(std::move(request));
  EXPECT_EQ(refused.status, 422u);
  EXPECT_THAT(refused.body, HasSubstr("X-Content-SHA256"));
}

TEST_P(ArtifactServerTest, ChecksScopePathAudienceAndSignature) {
  const auto with_token = [this](const std::string& token) {
    net::Request request = put_request("a.mp4", "video");
    request.headers.set("Authorization", "Bearer " + token);
    return send(std::move(request)).status;
  };
  EXPECT_EQ(with_token(token("artifact:read", "a.mp4")), 403u);
  EXPECT_EQ(with_token(token("artifact:write", "b.mp4")), 403u);
  EXPECT_EQ(with_token(token("job", "a.mp4")), 403u);
  EXPECT_EQ(with_token(token("artifact:write", "a.mp4", "artifacts/default/other")), 401u);
  EXPECT_EQ(with_token("nonsense"), 401u);
  const net::Response anonymous = send({"GET", "/v1/artifacts/a.mp4", {}, ""});
  EXPECT_EQ(anonymous.status, 401u);
  EXPECT_EQ(anonymous.headers.get("WWW-Authenticate"), "Bearer");
  EXPECT_FALSE(fs::exists(file("a.mp4")));
}

TEST_P(ArtifactServerTest, PathsThatTryToLeaveAreRefused) {
  for (const char* path : {"..%2fescaped", "a/..%2f..%2fescaped", ".wan/blobs/x", "%2e%2e/escaped"}) {
    net::Request request = put_request("x", "video");
    request.target = std::string("/v1/artifacts/") + path;
    request.headers.set("Authorization", "Bearer " + token("artifact:write", ".wan/blobs/x"));
    const unsigned status = send(std::move(request)).status;
    EXPECT_GE(status, 400u) << path;
    EXPECT_LT(status, 500u) << path;
  }
  EXPECT_FALSE(fs::exists(file("x").parent_path().parent_path() / "escaped"));
}

TEST_P(ArtifactServerTest, AnUploadLargerThanTheVolumeIsRefusedBeforeItIsSent) {
  const std::string head =
      "PUT /v1/artifacts/a.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000000000000\r\n"
      "X-Content-SHA256: " +
      sha256_digest("") + "\r\nAuthorization: Bearer " + token("artifact:write", "a.mp4") + "\r\n\r\n";
  const auto talk = [](asio::io_context& context, uint16_t port, std::string bytes) -> Task<std::string> {
    wan::testing::RawClient client(context.get_executor());
    co_await client.connect(port);
    (void)co_await client.send(std::move(bytes));
    co_return co_await client.read_until("InsufficientStorage");
  };
  const std::string answer = run(io, talk(io, server->port(), head));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 507"));
}

TEST_P(ArtifactServerTest, AClientThatDiesInTheMiddleLeavesNothing) {
  const std::string head =
      "PUT /v1/artifacts/a.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
      "X-Content-SHA256: " +
      sha256_digest("") + "\r\nAuthorization: Bearer " + token("artifact:write", "a.mp4") +
      "\r\n\r\nhalf of it";
  const auto die = [](asio::io_context& context, uint16_t port, std::string bytes,
                      fs::path folder) -> Task<bool> {
    wan::testing::RawClient client(context.get_executor());
    co_await client.connect(port);
    (void)co_await client.send(std::move(bytes));
    const auto count = [&] { return std::distance(fs::directory_iterator(folder), {}); };
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (count() == 0 && std::chrono::steady_clock::now() < end) (void)co_await sleep_for(1ms);
    const bool began = count() == 1;
    client.close();
    while (count() != 0 && std::chrono::steady_clock::now() < end) (void)co_await sleep_for(1ms);
    co_return began&& count() == 0;
  };
  EXPECT_TRUE(run(io, die(io, server->port(), head, uploads() / ".wan/tmp")));
  EXPECT_FALSE(fs::exists(file("a.mp4")));
  EXPECT_EQ(put("a.mp4", "video").status, 201u);
}

TEST_P(ArtifactServerTest, OfTwoConcurrentPutsOfOnePathExactlyOneWins) {
  const std::string first(500'000, 'a'), second(500'000, 'b');
  const auto url = net::parse_url("http://127.0.0.1:" + std::to_string(server->port()));
  net::Client client(io.get_executor(), *url);
  unsigned statuses[2] = {0, 0};
  const auto record = [](Task<Result<net::Response>> sending, unsigned* status) -> Task<void> {
    const auto response = co_await std::move(sending);
    *status = response ? response->status : 0;
  };
  TaskGroup group(io.get_executor());
  group.spawn("first", record(client.send(put_request("a.mp4", first), 30s), &statuses[0]));
  group.spawn("second", record(client.send(put_request("a.mp4", second), 30s), &statuses[1]));
  run(io, group.join());
  EXPECT_THAT(statuses, ::testing::UnorderedElementsAre(201u, 409u));
  EXPECT_EQ(wan::testing::read_text(file("a.mp4")), statuses[0] == 201 ? first : second);
}

TEST_P(ArtifactServerTest, BlobsAreAddressedByTheirDigest) {
  const std::string digest = sha256_digest("blob");
  net::Request request{"PUT", "/v1/blobs/" + digest, {}, "blob"};
  request.headers.set("Authorization", "Bearer " + token("artifact:write", "blobs/" + digest));
  request.headers.set("X-Content-SHA256", digest);
  EXPECT_EQ(send(request).status, 201u);
  request.headers.set("X-Content-SHA256", sha256_digest("other"));
  EXPECT_EQ(send(request).status, 422u);
  net::Request read{"GET", "/v1/blobs/" + digest, {}, ""};
  read.headers.set("Authorization", "Bearer " + token("artifact:read", "blobs/" + digest));
  EXPECT_EQ(send(read).body, "blob");
}

TEST_P(ArtifactServerTest, ArtifactsOutliveTheServer) {
  put("a.mp4", "video");
  run(io, server->stop(0ms));
  start();
  EXPECT_EQ(get("a.mp4").body, "video");
  EXPECT_EQ(put("a.mp4", "video").status, 200u);
}

TEST_P(ArtifactServerTest, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(get("absent.mp4").status, 404u);
  EXPECT_EQ(send({"GET", "/v2/x", {}, ""}).status, 404u);
  EXPECT_EQ(send({"POST", "/v1/artifacts/a.mp4", {}, ""}).status, 405u);
  EXPECT_EQ(send({"DELETE", "/v1/blobs/" + sha256_digest("x"), {}, ""}).status, 405u);
  EXPECT_EQ(send({"GET", "/healthz", {}, ""}).status, 200u);
  EXPECT_EQ(send({"GET", "/readyz", {}, ""}).status, 200u);
}

TEST_P(ArtifactServerTest, ReadsTheBytesOfADigestFromWhereTheyAre) {
  const std::string digest = sha256_digest("one");
  const auto read = [&] {
    net::Headers headers{{"Authorization", "Bearer " + token("artifact:read", "blobs/" + digest)}};
    return send({"GET", "/v1/blobs/" + digest, std::move(headers), ""});
  };
  EXPECT_EQ(read().status, 404u);
  put("a.mp4", "one");
  EXPECT_EQ(read().body, "one");
}

TEST_P(ArtifactServerTest, KnowsTheDigestOfAFileThatSomebodyElsePutThere) {
  put_by_others("b.mp4", "foreign");
  EXPECT_EQ(get("b.mp4").headers.get("X-Content-SHA256"), sha256_digest("foreign"));
  EXPECT_EQ(put("b.mp4", "ours").status, 409u);
  EXPECT_EQ(put("b.mp4", "foreign").status, 200u);
}

INSTANTIATE_TEST_SUITE_P(Stores, ArtifactServerTest, ::testing::Values(Store::kVolume, Store::kBucket),
                         [](const auto& store) {
                           return store.param == Store::kVolume ? "Volume" : "Bucket";
                         });

TEST(ListenAddress, WithoutAKeyOnlyTheOwnMachineIsServed) {
  const Authority open{"", ""}, closed{"key", "audience"};
  EXPECT_EQ(choose_listen_address("", open)->address, "127.0.0.1");
  EXPECT_EQ(choose_listen_address("", closed)->address, "0.0.0.0");
  EXPECT_EQ(choose_listen_address("[::1]:0", open)->address, "::1");
  EXPECT_THAT(choose_listen_address("0.0.0.0:8080", open).error().message,
              HasSubstr("WAN_CAPABILITY_PUBLIC_KEY"));
  EXPECT_FALSE(choose_listen_address("127.0.0.1", open));
  EXPECT_FALSE(choose_listen_address("127.0.0.1:99999", open));
}

}  // namespace
}  // namespace wan::gallery
