// What only a bucket can do wrong: a server that is not there, refuses, forgets conditions, or goes away in
// the middle.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../base/net/certificates.h"
#include "../../base/run_task.h"
#include "../../base/temporary_folder.h"
#include "../process.h"
#include "runtime/gallery/artifacts/bucket_index.h"
#include "runtime/gallery/artifacts/server.h"
#include "s3_fixture.h"
#include "tests/support/cuttable_proxy.h"
#include "tests/support/scripted_server.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using wan::testing::run;
using wan::testing::S3Server;
using wan::testing::write_secret;

class BucketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!S3Server::is_available()) GTEST_SKIP() << "no S3 server: ./wan test store sets WAN_S3_SERVER";
    s3.emplace(folder.path() / "s3");
    s3->make_bucket("films");
    fs::create_directory(folder.path() / "uploads");
    write_secret(secret(), S3Server::kSecretKey);
  }
  [[nodiscard]] fs::path secret() const { return folder.path() / "films-secret"; }
  BucketSettings settings(uint16_t port, const std::string& bucket = "films") {
    BucketSettings result;
    result.s3.endpoint = {"http", "127.0.0.1", port, "/"};
    result.s3.bucket = bucket;
    result.s3.path_style = true;
    result.credentials = secret();
    return result;
  }
  std::unique_ptr<Backend> backend(BucketSettings of) {
    auto made =
        bucket_backend(io.get_executor(), std::move(of), *open_artifacts(folder.path() / "uploads"), clock);
    EXPECT_TRUE(made->prepare());
    return made;
  }
  std::unique_ptr<Backend> backend() { return backend(settings(s3->port())); }
  Status check(BucketSettings of) {
    auto made = backend(std::move(of));
    return run(io, made->check());
  }
  Result<Stored> put(Backend& store, const std::string& path, const std::string& bytes) {
    WAN_TRY(Upload upload, Upload::begin(store.incoming()));
    WAN_TRY_VOID(upload.append(bytes));
    return run(io, store.publish(upload, sha256_digest(bytes), path));
  }

  wan::testing::TemporaryFolder folder;
  SystemClock clock;
  asio::io_context io{1};
  std::optional<S3Server> s3;
};

TEST_F(BucketTest, SaysWhatIsWrongAndWhatToDo) {
  EXPECT_TRUE(check(settings(s3->port())));
  const Status no_bucket = check(settings(s3->port(), "absent"));
  ASSERT_FALSE(no_bucket);
  EXPECT_EQ(no_bucket.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(no_bucket.error().message, AllOf(HasSubstr("bucket absent at http://127.0.0.1:"),
                                               HasSubstr("NoSuchBucket"), HasSubstr("make it")));
  std::ofstream(secret() / "AWS_ACCESS_KEY_ID") << "nobody";
  const Status no_key = check(settings(s3->port()));
  ASSERT_FALSE(no_key);
  EXPECT_EQ(no_key.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(no_key.error().message, HasSubstr("correct AWS_ACCESS_KEY_ID"));
  fs::remove(secret() / "AWS_SECRET_ACCESS_KEY");
  const Status no_secret = check(settings(s3->port()));
  ASSERT_FALSE(no_secret);
  EXPECT_THAT(no_secret.error().message, HasSubstr("the Secret films-secret must be there"));
}

TEST_F(BucketTest, ReadsASecretThatWasPutRight) {
  write_secret(secret(), "a-wrong-key");
  auto store = backend();
  const Status refused = run(io, store->check());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("SignatureDoesNotMatch"), Not(HasSubstr("a-wrong-key"))));
  write_secret(secret(), S3Server::kSecretKey);
  EXPECT_TRUE(run(io, store->check()));
}

TEST_F(BucketTest, SpeaksTlsToAServerWhoseAuthorityItKnows) {
  const wan::testing::CertificateAuthority authority;
  const wan::testing::Identity server = authority.issue("s3", "IP:127.0.0.1");
  const S3Server secure(folder.path() / "secure", server.certificate_pem, server.key_pem);
  secure.make_bucket("films");
  BucketSettings of = settings(secure.port());
  of.s3.endpoint.scheme = "https";
  const Status unknown = check(of);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("certificate is not accepted"));
  of.s3.ca_pem = authority.pem();
  auto store = backend(std::move(of));
  ASSERT_TRUE(run(io, store->check()));
  EXPECT_TRUE(put(*store, "a.mp4", "video"));
  EXPECT_EQ(wan::testing::read_text(secure.file("films", "a.mp4")), "video");
}

TEST_F(BucketTest, ThatIsOnlyReadIsLeftAsItIs) {
  const auto reads = [&](const std::string& bucket) {
    BucketSettings of = settings(s3->port(), bucket);
    of.read_only = true;
    return backend(std::move(of));
  };
  std::ofstream(s3->file("films", "ball.png")) << "picture";
  auto store = reads("films");
  EXPECT_TRUE(run(io, store->check()));
  Name name{"ball.png", ""};
  const auto found = run(io, store->find(std::move(name)));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->artifact.bytes, 7);
  EXPECT_EQ(found->artifact.digest, "") << "it was not read to be found";
  EXPECT_FALSE(fs::exists(s3->file("films", ".wan")));
  const Status absent = run(io, reads("absent")->check());
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message, HasSubstr("NoSuchBucket"));
  write_secret(secret(), "a-wrong-key");
  const Status refused = run(io, reads("films")->check());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("SignatureDoesNotMatch"));
}

TEST_F(BucketTest, ToAClientEveryTroubleOfTheStoreMayPass) {
  write_secret(secret(), "a-wrong-key");
  auto store = backend();
  const auto refused = put(*store, "a.mp4", "video");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << "not 403: the client's own capability is good";
}

TEST_F(BucketTest, ANetworkThatBreaksInTheMiddleLeavesNothingAndTheNextTryStoresIt) {
  const asio::ip::tcp::endpoint target(asio::ip::address_v4::loopback(), s3->port());
  wan::testing::CuttableProxy proxy(io, target);
  auto store = backend(settings(proxy.port()));
  const std::string video(64u << 20, 'v');
  auto upload = Upload::begin(store->incoming());
  ASSERT_TRUE(upload && upload->append(video));
  Result<Stored> broken = Stored{};
  const auto publish = [](Backend& to, Upload& from, std::string digest,
                          Result<Stored>& result) -> Task<void> {
    result = co_await to.publish(from, std::move(digest), "a.mp4");
  };
  const auto cut = [](wan::testing::CuttableProxy& at) -> Task<void> {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (at.connections() == 0 && std::chrono::steady_clock::now() < end) (void)co_await sleep_for(1ms);
    at.cut();
  };
  TaskGroup group(io.get_executor());
  group.spawn("publish", publish(*store, *upload, sha256_digest(video), broken));
  group.spawn("cut", cut(proxy));
  run(io, group.join());
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kUnavailable);
  EXPECT_GE(proxy.refused(), 1u) << "it was tried again";
  EXPECT_FALSE(fs::exists(s3->file("films", "a.mp4")));
  proxy.mend();
  EXPECT_TRUE(put(*store, "a.mp4", video));
  EXPECT_EQ(fs::file_size(s3->file("films", "a.mp4")), video.size());
  run(io, proxy.stop());
}

TEST_F(BucketTest, AServerThatForgetsConditionsIsRefused) {
  wan::testing::ScriptedServer server(io);
  server.script(wan::testing::answer(200, ""));
  server.script(wan::testing::answer(200, ""));
  server.script(wan::testing::answer(501, "<Error><Code>NotImplemented</Code></Error>"));
  for (const char* said : {"ignores If-None-Match", "does not know conditional writes"}) {
    const Status refused = check(settings(server.port()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(refused.error().message, HasSubstr(said));
  }
  EXPECT_THAT(server.requests()[1].head,
              AllOf(HasSubstr("PUT /films/.wan/store"), HasSubstr("If-None-Match: *")));
  run(io, server.stop());
}

TEST_F(BucketTest, TwoServersOfOneBucketAgree) {
  auto first = backend(), second = backend();
  Result<Stored> stored[4] = {Stored{}, Stored{}, Stored{}, Stored{}};
  const auto publish = [](Backend& to, std::string bytes, std::string path,
                          Result<Stored>& result) -> Task<void> {
    auto upload = Upload::begin(to.incoming());
    EXPECT_TRUE(upload && upload->append(bytes));
    result = co_await to.publish(*upload, sha256_digest(bytes), path);
  };
  TaskGroup group(io.get_executor());
  group.spawn("a", publish(*first, "one", "a.mp4", stored[0]));
  group.spawn("b", publish(*second, "two", "a.mp4", stored[1]));
  group.spawn("c", publish(*first, "same", "c.mp4", stored[2]));
  group.spawn("d", publish(*second, "same", "d.mp4", stored[3]));
  run(io, group.join());
  EXPECT_NE(stored[0].has_value(), stored[1].has_value()) << "one path, one video";
  ASSERT_TRUE(stored[2] && stored[3]);
  asio::thread_pool files(1);
  S3Client client(io.get_executor(), settings(s3->port()).s3, secret(), files, clock);
  const auto paths = run(io, indexed_paths(client, ".wan/index/", sha256_digest("same")));
  ASSERT_TRUE(paths) << paths.error().message;
  EXPECT_THAT(*paths, UnorderedElementsAre("c.mp4", "d.mp4")) << "neither overwrote the other's note";
}

TEST_F(BucketTest, AnAnswerWithDamagedBytesIsNotWhole) {
  ArtifactServer server(io.get_executor(), backend(), {}, clock);
  ASSERT_TRUE(server.start());
  net::Client client(io.get_executor(), {"http", "127.0.0.1", server.port(), "/"});
  const std::string video(500'000, 'v');
  net::Request request{"PUT", "/v1/artifacts/a.mp4", {{"X-Content-SHA256", sha256_digest(video)}}, video};
  EXPECT_EQ(run(io, client.send(std::move(request), 30s))->status, 201u);
  EXPECT_EQ(run(io, client.send({"GET", "/v1/artifacts/a.mp4", {}, ""}, 30s))->body, video);
  std::ofstream(s3->file("films", "a.mp4"), std::ios::in | std::ios::out) << "damaged";
  EXPECT_FALSE(run(io, client.send({"GET", "/v1/artifacts/a.mp4", {}, ""}, 30s)));
  run(io, server.stop(0ms));
}

TEST_F(BucketTest, ReadinessSaysWhatIsInTheWayAndThatItHasPassed) {
  write_secret(secret(), "a-wrong-key");
  ArtifactServer server(io.get_executor(), backend(), {}, clock);
  ASSERT_TRUE(server.start());
  net::Client client(io.get_executor(), {"http", "127.0.0.1", server.port(), "/"});
  const auto ready = [&] { return *run(io, client.send({"GET", "/readyz", {}, ""}, 30s)); };
  const net::Response not_yet = ready();
  EXPECT_EQ(not_yet.status, 503u);
  EXPECT_THAT(not_yet.body, AllOf(HasSubstr("NotWritable"), HasSubstr("correct AWS_SECRET_ACCESS_KEY")));
  write_secret(secret(), S3Server::kSecretKey);
  EXPECT_EQ(ready().status, 200u);
  run(io, server.stop(0ms));
}

TEST(S3Error, ReadsOneWordOfTheBodyAndNothingElse) {
  EXPECT_EQ(s3_error_code("<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>x</Message></Error>"),
            "NoSuchKey");
  for (const char* other : {"", "<Code>", "</Code><Code>", "<Code>two words</Code>", "<Code>a\nb</Code>"}) {
    EXPECT_EQ(s3_error_code(other), "") << other;
  }
  EXPECT_EQ(s3_error_code("<Code>" + std::string(65, 'a') + "</Code>"), "");
  EXPECT_EQ(s3_error_code(std::string(5000, ' ') + "<Code>NoSuchKey</Code>"), "");
}

TEST(S3Error, TellsWhatPassesFromWhatSomebodyMustPutRight) {
  const S3Place place{"https://s3.example.com", "films", "eu-central-1"};
  const auto of = [&](unsigned status, const char* code = "") {
    return s3_error(place, "PUT a.mp4", status, code).code;
  };
  EXPECT_EQ(of(404), ErrorCode::kNotFound);
  EXPECT_EQ(of(404, "NoSuchBucket"), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(of(403), ErrorCode::kPermissionDenied);
  EXPECT_EQ(of(403, "RequestTimeTooSkewed"), ErrorCode::kPermissionDenied);
  EXPECT_EQ(of(301), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(of(503, "SlowDown"), ErrorCode::kUnavailable);
  EXPECT_EQ(of(500), ErrorCode::kUnavailable);
  EXPECT_EQ(of(507), ErrorCode::kResourceExhausted);
  EXPECT_EQ(of(400, "XAmzContentSHA256Mismatch"), ErrorCode::kCorrupt);
  EXPECT_THAT(s3_error(place, "PUT a.mp4", 400, "").message,
              AllOf(HasSubstr("films"), HasSubstr("https://s3.example.com"), HasSubstr("eu-central-1"),
                    HasSubstr("PUT a.mp4"), HasSubstr("400")));
}

TEST(S3Client, KnowsWhoWantsTheBucketInTheHostName) {
  const auto wants = [](const char* url) { return wants_bucket_in_host(*net::parse_url(url)); };
  EXPECT_TRUE(wants("https://s3.eu-central-1.amazonaws.com"));
  EXPECT_TRUE(wants("https://oss-cn-hangzhou.aliyuncs.com"));
  EXPECT_FALSE(wants("http://minio.storage.svc:9000"));
  EXPECT_FALSE(wants("http://10.0.0.1:9000"));
}

}  // namespace
}  // namespace wan::gallery
