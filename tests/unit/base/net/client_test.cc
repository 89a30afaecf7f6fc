#include "base/net/client.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../run_task.h"
#include "../temporary_folder.h"
#include "base/async/notify.h"
#include "base/crypto/sha256.h"
#include "base/net/line_decoder.h"
#include "base/net/server.h"
#include "loopback.h"

namespace wan::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run;
using testing::ScriptedServer;
using ::testing::StartsWith;

constexpr auto kForever = std::chrono::steady_clock::duration::max();

std::string answer(std::string body, std::string fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
         body;
}

class ClientTest : public ::testing::Test {
 protected:
  void script(ScriptedServer::Script answers) {
    server.emplace(io, std::move(answers));
    connect_to(server->port());
  }
  void connect_to(uint16_t port, std::string host = "127.0.0.1") {
    const Url origin{.scheme = "http", .host = std::move(host), .port = port, .target = "/"};
    client = std::make_unique<Client>(io.get_executor(), origin, TlsClientSettings(), settings);
  }
  void TearDown() override {
    if (server) run(io, server->stop());
  }
  Result<Response> send(Request request, std::chrono::milliseconds timeout = 30s) {
    return run(io, client->send(std::move(request), timeout));
  }
  // The body, or the code of the error.
  std::string outcome(Request request, std::chrono::milliseconds timeout = 30s) {
    const Result<Response> response = send(std::move(request), timeout);
    return response ? response->body : std::string(to_string(response.error().code));
  }
  Request get(std::string target = "/") { return {.target = std::move(target)}; }

  asio::io_context io{1};
  ClientSettings settings;
  std::optional<ScriptedServer> server;
  std::unique_ptr<Client> client;
};

TEST_F(ClientTest, SendsWhatItWasGiven) {
  script({{answer("ok", "X-A: 1\r\nX-A: 2\r\n")}});
  Request request{.method = "POST",
                  .target = "/a?b=c",
                  .headers = {{"Accept", "x"}, {"Content-Length", "99"}},
                  .body = "hello"};
  const Result<Response> response = send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200u);
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(response->headers.get("x-a"), "1");
  EXPECT_EQ(server->requests()[0],
            "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server->port()) +
                "\r\nUser-Agent: wan-gallery/" WAN_VERSION "\r\nAccept: x\r\nContent-Length: 5\r\n\r\n");
}

TEST_F(ClientTest, ConnectsOnlyWhereItMay) {
  settings.allows_address = [](const asio::ip::address& address) { return address.is_v6(); };
  script({{answer("never")}});
  for (const char* host : {"127.0.0.1", "localhost"}) {
    connect_to(server->port(), host);
    const Result<Response> refused = send(get());
    // localhost may be ::1 too, where nobody listens.
    ASSERT_FALSE(refused) << host;
    if (host == std::string("127.0.0.1")) EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  }
  EXPECT_EQ(server->connections(), 0u);
  settings.allows_address = [](const asio::ip::address& address) { return address.is_loopback(); };
  connect_to(server->port());
  EXPECT_EQ(outcome(get()), "never");
}

TEST_F(ClientTest, SaysTheLengthOfAnEmptyPostAndNoneOfAGet) {
  script({{answer(""), answer("")}});
  EXPECT_EQ(outcome({.method = "POST"}), "");
  EXPECT_EQ(outcome(get()), "");
  EXPECT_THAT(server->requests()[0], HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(server->requests()[1], Not(HasSubstr("Content-Length")));
}

TEST_F(ClientTest, RefusesToSendWhatWouldBreakOutOfItsLine) {
  script({{answer("")}});
  const Request requests[] = {{.method = "GET /x HTTP/1.1\r\n"}, {.target = "/a b"},
                              {.target = "/a\r\nX: y"},          {.target = "a"},
                              {.target = "/\xC3\xA9"},           {.headers = {{"X", "secret\r\nY: z"}}},
                              {.headers = {{"X Y", "z"}}},       {.headers = {{"", "z"}}}};
  for (const Request& request : requests) {
    const Result<Response> response = send(request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(response.error().message, Not(HasSubstr("secret")));
  }
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(ClientTest, KeepsConnectionsAlive) {
  script({{answer("1"), answer("2"), answer("3", "Connection: close\r\n")}, {answer("4")}});
  for (const char* expected : {"1", "2", "3", "4"}) EXPECT_EQ(outcome(get()), expected);
  EXPECT_EQ(server->connections(), 2u);
}

TEST_F(ClientTest, AConnectionThatDiesIsReplacedOnceForRepeatableRequests) {
  const Request repeatable[] = {
      {.method = "GET"},
      {.method = "HEAD"},
      {.method = "PUT", .body = "x"},
      {.method = "DELETE"},
      {.method = "PATCH", .headers = {{"Content-Type", "application/apply-patch+yaml"}}, .body = "x"}};
  for (const Request& request : repeatable) {
    script({{answer("first"), ""}, {answer("second")}});
    EXPECT_EQ(outcome(get()), "first");
    const Result<Response> response = send(request);
    ASSERT_TRUE(response) << request.method << response.error().message;
    EXPECT_EQ(server->requests().size(), 3u);
    run(io, server->stop());
  }
  script({{answer("first"), ""}, {""}, {answer("third")}});
  EXPECT_EQ(outcome(get()), "first");
  EXPECT_EQ(outcome(get()), "Unavailable") << "only once";
}

TEST_F(ClientTest, ARequestWithEffectsIsNotSentTwice) {
  const Request single[] = {
      {.method = "POST", .body = "x"},
      {.method = "PATCH", .headers = {{"Content-Type", "application/merge-patch+json"}}, .body = "x"}};
  for (const Request& request : single) {
    script({{answer("first"), ""}, {answer("second")}});
    EXPECT_EQ(outcome(get()), "first");
    EXPECT_EQ(outcome(request), "Unavailable");
    EXPECT_EQ(server->connections(), 1u);
    run(io, server->stop());
  }
}

TEST_F(ClientTest, AFreshConnectionThatDiesIsAnError) {
  script({{""}, {answer("second")}});
  EXPECT_EQ(outcome(get()), "Unavailable");
  EXPECT_EQ(server->connections(), 1u);
}

TEST_F(ClientTest, AResponseThatHasBegunIsNotAskedForAgain) {
  script({{answer("first"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"}, {answer("second")}});
  EXPECT_EQ(outcome(get()), "first");
  EXPECT_EQ(outcome(get()), "Unavailable");
}

TEST_F(ClientTest, GivesUpAtTheDeadline) {
  script(
      {{ScriptedServer::kHang}, {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", ScriptedServer::kHang}});
  EXPECT_EQ(outcome(get(), 30ms), "DeadlineExceeded");
  EXPECT_EQ(outcome(get(), 30ms), "DeadlineExceeded");
}

TEST_F(ClientTest, NamesTheServerThatItCannotReach) {
  testing::tcp::acceptor unused(io, testing::loopback(0));
  const uint16_t port = unused.local_endpoint().port();
  unused.close();
  connect_to(port);
  const Result<Response> response = send(get());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("connect to 127.0.0.1:" + std::to_string(port)));
  connect_to(port, "no-such-host.invalid");
  EXPECT_THAT(outcome(get(), 20s), ::testing::AnyOf("Unavailable", "DeadlineExceeded"));
}

TEST_F(ClientTest, ResolvesNamesAndTriesEveryAddress) {
  script({{answer("ok")}});
  connect_to(server->port(), "localhost");  // may be ::1 too, where nobody listens
  EXPECT_EQ(outcome(get()), "ok");
}

TEST_F(ClientTest, LimitsTheResponse) {
  settings.max_response_bytes = 4;
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  script({{answer("1234"), answer("12345")},
          {"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"},
          {chunked + "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n"},
          {"HTTP/1.1 200 OK\r\n\r\n12345"},
          {"HTTP/1.1 200 OK\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n"}});
  EXPECT_EQ(outcome(get()), "1234");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(outcome(get()), "ResourceExhausted") << i;
}

TEST_F(ClientTest, ReadsEveryFramingAndRefusesBrokenOnes) {
  script({{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer("after"),
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
           "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nto the end"},
          {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"},
          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"},
          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
          {"SSH-2.0-OpenSSH\r\n\r\n"},
          {"HTTP/1.1 101 Switching Protocols\r\n\r\n"}});
  for (const char* expected :
       {"after", "abc", "", "to the end", "Unavailable", "Unavailable", "Corrupt", "Corrupt", "Corrupt"}) {
    EXPECT_EQ(outcome(get()), expected);
  }
}

TEST_F(ClientTest, AHeadHasNoBodyWhateverItsLength) {
  script({{"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", answer("next")}});
  const Result<Response> response = send({.method = "HEAD"});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->headers.get("Content-Length"), "999");
  EXPECT_EQ(outcome(get()), "next");
  EXPECT_EQ(server->connections(), 1u);
}

TEST_F(ClientTest, BytesThatNobodyAskedForEndTheConnection) {
  script({{answer("1") + answer("stray")}, {answer("2")}});
  EXPECT_EQ(outcome(get()), "1");
  EXPECT_EQ(outcome(get()), "2");
}

Task<void> send_and_note(Client& client, std::string& noted) {
  Request request;
  const Result<Response> response = co_await client.send(std::move(request), std::chrono::hours(1));
  noted = response ? response->body : to_string(response.error().code);
}

Task<void> cancel_when_asked(asio::io_context& io, ScriptedServer& server, TaskGroup& group) {
  while (server.requests().empty()) co_await asio::post(io, asio::use_awaitable);
  group.cancel();
}

TEST_F(ClientTest, ACancelledRequestIsAnErrorAndNoException) {
  script({{ScriptedServer::kHang}});
  std::string noted;
  TaskGroup group(io.get_executor()), others(io.get_executor());
  group.spawn("request", send_and_note(*client, noted));
  others.spawn("cancel", cancel_when_asked(io, *server, group));
  run(io, group.join());
  run(io, others.join());
  EXPECT_EQ(noted, "Cancelled");
}

TEST_F(ClientTest, ARequestOutlivesItsClient) {
  script({{answer("ok")}});
  Task<Result<Response>> task = client->send(get(), 30s);
  std::optional<Result<Response>> response;
  asio::co_spawn(io, std::move(task),
                 [&](std::exception_ptr, Result<Response> result) { response = std::move(result); });
  client.reset();
  io.restart();
  while (!response) io.run_one();
  EXPECT_EQ((*response)->body, "ok");
}

// --- against our own server

class ClientServerTest : public ::testing::Test {
 public:
  using Behaviour = Task<void> (*)(ClientServerTest&, IncomingRequest&, ResponseWriter&);
  void start(Behaviour behaviour) {
    server = std::make_unique<Server>(io.get_executor(), settings,
                                      [this, behaviour](IncomingRequest& request, ResponseWriter& writer) {
                                        return behaviour(*this, request, writer);
                                      });
    ASSERT_TRUE(server->start());
    const Url origin{.scheme = "http", .host = "127.0.0.1", .port = server->port(), .target = "/"};
    client = std::make_unique<Client>(io.get_executor(), origin);
  }
  void TearDown() override {
    if (server) run(io, server->stop(0ms));
  }

  asio::io_context io{1};
  ServerSettings settings;
  std::unique_ptr<Server> server;
  std::unique_ptr<Client> client;
  Notify received{io.get_executor()}, opened{io.get_executor()};
  std::vector<std::string> log;
};

Task<void> digest_body(ClientServerTest&, IncomingRequest& request, ResponseWriter& writer) {
  Sha256 hash;
  uint64_t bytes = 0;
  for (;;) {
    std::string piece;
    const Result<bool> more = co_await request.read_some(piece);
    if (!more || !*more) break;
    bytes += piece.size();
    hash.update(piece);
  }
  EXPECT_EQ(bytes, request.content_length());
  Response response{.status = 200, .body = hash.finish_digest()};
  (void)co_await writer.respond(std::move(response));
}

TEST_F(ClientServerTest, SendsAFile) {
  start(digest_body);
  const testing::TemporaryFolder folder;
  for (const size_t size : {size_t{0}, size_t{5}, size_t{5'000'000}}) {
    const auto path = folder.path() / "f";
    std::ofstream(path, std::ios::binary) << std::string(size, 'x');
    Request request{.method = "PUT"};
    const Result<Response> response = run(io, client->send_file(request, path, 30s));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, sha256_file_digest(path).value());
  }
  EXPECT_EQ(run(io, client->send_file({.method = "PUT"}, folder.path() / "absent", 30s)).error().code,
            ErrorCode::kNotFound);
}

Task<void> refuse_unread(ClientServerTest&, IncomingRequest&, ResponseWriter& writer) {
  Response response = error_response({ErrorCode::kResourceExhausted, "too large"});
  (void)co_await writer.respond(std::move(response));
}

TEST_F(ClientServerTest, AnEarlyRefusalReachesAClientThatIsStillSending) {
  start(refuse_unread);
  const testing::TemporaryFolder folder;
  std::ofstream(folder.path() / "f", std::ios::binary) << std::string(30'000'000, 'x');
  const Result<Response> from_file = run(io, client->send_file({.method = "PUT"}, folder.path() / "f", 30s));
  ASSERT_TRUE(from_file) << from_file.error().message;
  EXPECT_EQ(from_file->status, 413u);
  const Result<Response> from_memory =
      run(io, client->send({.method = "PUT", .body = std::string(30'000'000, 'x')}, 30s));
  ASSERT_TRUE(from_memory) << from_memory.error().message;
  EXPECT_EQ(from_memory->status, 413u);
}

Task<void> serve_file(ClientServerTest& test, IncomingRequest&, ResponseWriter& writer) {
  const std::filesystem::path file(test.log.at(0));
  EXPECT_TRUE(co_await writer.respond_file(file, Headers()));
}

TEST_F(ClientServerTest, FetchesALargeFile) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() / "f";
  std::ofstream(path, std::ios::binary) << std::string(20'000'000, 'x');
  log.push_back(path);
  start(serve_file);
  const Result<Response> response = run(io, client->send({}, 30s));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(sha256_digest(response->body), sha256_file_digest(path).value());
}

// Writes each event only after the test says that it has received the one before.
Task<void> stream_by_handshake(ClientServerTest& test, IncomingRequest&, ResponseWriter& writer) {
  (void)co_await writer.start_stream(200, Headers({{"Content-Type", "application/x-ndjson"}}));
  for (int i = 0; i < 5; ++i) {
    (void)co_await writer.write("{\"n\":" + std::to_string(i) + "}\n");
    if (!co_await test.received.wait(kForever)) co_return;
  }
}

Task<void> follow(ClientServerTest& test) {
  Request request;
  auto opened = co_await test.client->open(std::move(request), 30s);
  if (!opened) co_return test.log.push_back(opened.error().message);
  test.log.push_back(std::to_string((*opened)->head().status));
  LineDecoder decoder;
  for (;;) {
    std::string bytes;
    const Result<bool> more = co_await (*opened)->read_some(bytes, 30s);
    if (!more) co_return test.log.push_back(more.error().message);
    if (!*more) co_return test.log.push_back(bytes.empty() ? "end" : "bytes at the end");
    for (const std::string& line : decoder.feed(bytes).value()) {
      test.log.push_back(line);
      test.received.notify();
    }
  }
}

TEST_F(ClientServerTest, DeliversEachEventBeforeTheNextIsWritten) {
  start(stream_by_handshake);
  run(io, follow(*this));
  EXPECT_EQ(log, (std::vector<std::string>{"200", "{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":3}",
                                           "{\"n\":4}", "end"}));
}

Task<void> stream_forever(ClientServerTest& test, IncomingRequest&, ResponseWriter& writer) {
  (void)co_await writer.start_stream(200, Headers());
  const std::string piece(100'000, 'x');
  for (;;) {
    const Status written = co_await writer.write(piece);
    if (!written) {
      test.log.emplace_back(to_string(written.error().code));
      break;
    }
  }
  test.received.notify();
}

Task<void> open_and_leave(ClientServerTest& test) {
  Request request;
  auto opened = co_await test.client->open(std::move(request), 30s);
  std::string bytes;
  EXPECT_TRUE(co_await (*opened)->read_some(bytes, 30s));
  EXPECT_FALSE(bytes.empty());
  opened->reset();
  (void)co_await test.received.wait(kForever);
}

TEST_F(ClientServerTest, ClosingAStreamStopsItsWriter) {
  start(stream_forever);
  run(io, open_and_leave(*this));
  EXPECT_EQ(log, std::vector<std::string>{"Unavailable"});
}

TEST_F(ClientServerTest, AReaderThatStopsReadingIsGivenUp) {
  settings.body_idle_timeout = 50ms;
  start(stream_forever);
  testing::RawClient raw(io.get_executor());
  run(io, [](testing::RawClient& client, ClientServerTest& test) -> Task<void> {
    co_await client.connect(test.server->port());
    (void)co_await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    (void)co_await test.received.wait(kForever);
  }(raw, *this));
  EXPECT_EQ(log, std::vector<std::string>{"DeadlineExceeded"});
}

Task<void> stream_nothing(ClientServerTest& test, IncomingRequest&, ResponseWriter& writer) {
  (void)co_await writer.start_stream(200, Headers());
  test.opened.notify();
  (void)co_await test.received.wait(kForever);
}

Task<void> open_and_wait(ClientServerTest& test, std::chrono::milliseconds idle) {
  Request request;
  auto opened = co_await test.client->open(std::move(request), 30s);
  if (!opened) {
    test.log.emplace_back(to_string(opened.error().code));
    co_return;
  }
  std::string bytes;
  const Result<bool> more = co_await (*opened)->read_some(bytes, idle);
  test.log.emplace_back(more ? "more" : to_string(more.error().code));
}

TEST_F(ClientServerTest, AStreamThatStaysSilentIsGivenUp) {
  start(stream_nothing);
  run(io, open_and_wait(*this, 30ms));
  EXPECT_EQ(log, std::vector<std::string>{"DeadlineExceeded"});
}

Task<void> cancel_once_open(ClientServerTest& test, TaskGroup& group) {
  (void)co_await test.opened.wait(kForever);
  group.cancel();
}

TEST_F(ClientServerTest, AStreamCanBeCancelled) {
  start(stream_nothing);
  TaskGroup group(io.get_executor()), others(io.get_executor());
  group.spawn("reader", open_and_wait(*this, std::chrono::hours(1)));
  others.spawn("cancel", cancel_once_open(*this, group));
  run(io, group.join());
  run(io, others.join());
  EXPECT_EQ(log, std::vector<std::string>{"Cancelled"});
}

Task<void> say_hello(ClientServerTest&, IncomingRequest&, ResponseWriter& writer) {
  Response response = json_response(200, "\"hello\"");
  (void)co_await writer.respond(std::move(response));
}

TEST_F(ClientServerTest, SpeaksIpv6) {
  settings.address = "::1";
  server = std::make_unique<Server>(
      io.get_executor(), settings,
      [this](IncomingRequest& request, ResponseWriter& writer) { return say_hello(*this, request, writer); });
  if (!server->start()) {
    server.reset();
    GTEST_SKIP() << "no IPv6 on this machine";
  }
  Client ipv6(io.get_executor(), parse_url("http://[::1]:" + std::to_string(server->port())).value());
  const Result<Response> response = run(io, ipv6.send({}, 30s));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "\"hello\"");
}

}  // namespace
}  // namespace wan::net
