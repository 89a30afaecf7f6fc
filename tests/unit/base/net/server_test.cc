#include "base/net/server.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../run_task.h"
#include "../temporary_folder.h"
#include "base/async/notify.h"
#include "loopback.h"

namespace wan::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using testing::run;
using ::testing::StartsWith;

constexpr auto kForever = std::chrono::steady_clock::duration::max();

class ServerTest : public ::testing::Test {
 protected:
  using Behaviour = Task<void> (*)(ServerTest&, IncomingRequest&, ResponseWriter&);

  void start(Behaviour behaviour) {
    server = std::make_unique<Server>(io.get_executor(), settings,
                                      [this, behaviour](IncomingRequest& request, ResponseWriter& writer) {
                                        ++handled;
                                        return behaviour(*this, request, writer);
                                      });
    const Status started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void TearDown() override {
    run(io, others.join());
    if (server) run(io, server->stop(0ms));
  }

  // Everything that the server says to `bytes`, until it ends the connection.
  std::string talk(std::string bytes) { return run(io, say(std::move(bytes))); }
  Task<std::string> say(std::string bytes) {
    RawClient client(io.get_executor());
    co_await client.connect(server->port());
    (void)co_await client.send(std::move(bytes));
    co_return co_await client.read_all();
  }

  asio::io_context io{1};
  ServerSettings settings;
  std::unique_ptr<Server> server;
  int handled = 0;
  std::vector<std::string> log;
  Notify notify{io.get_executor()}, entered{io.get_executor()};
  TaskGroup others{io.get_executor()};
};

Task<void> echo(ServerTest&, IncomingRequest& request, ResponseWriter& writer) {
  Result<std::string> body = co_await request.read_body();
  Response response =
      body ? Response{.status = 200, .headers = {{"X-Method", request.head().method}}, .body = *body}
           : error_response(body.error());
  if (body) response.body += "|" + request.head().target;
  (void)co_await writer.respond(std::move(response));
}

TEST_F(ServerTest, RefusesEveryAmbiguousRequest) {
  start(echo);
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n", post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::pair<const char*, std::string> cases[] = {
      {"another coding with a length", post + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"},
      {"identity", post + "Transfer-Encoding: identity\r\n\r\n"},
      {"identity with a length", post + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"},
      {"chunked is not the last", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
      {"chunked is not alone", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {"chunked twice in one field", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
      {"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"chunked in disguise", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"length, then chunked", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"chunked, then length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
      {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhello"},
      {"the same length twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
      {"a signed length", post + "Content-Length: +5\r\n\r\nhello"},
      {"a negative length", post + "Content-Length: -5\r\n\r\nhello"},
      {"a hexadecimal length", post + "Content-Length: 0x5\r\n\r\nhello"},
      {"an empty length", post + "Content-Length:\r\n\r\nhello"},
      {"a huge length", post + "Content-Length: 99999999999999999999\r\n\r\nhello"},
      {"no Host", "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", get + "Host: b\r\n\r\n"},
      {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
      {"a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"a folded field", get + "X: a\r\n b\r\n\r\n"},
      {"a field folded with a tab", get + "X: a\r\n\tb\r\n\r\n"},
      {"a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"a folded coding", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
      {"a space before the colon", get + "X : a\r\n\r\n"},
      {"a field without a colon", get + "X\r\n\r\n"},
      {"a field without a name", get + ": a\r\n\r\n"},
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n"},
      {"one bare line feed", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
      {"a bare carriage return", get + "X: a\rb\r\n\r\n"},
      {"a NUL", get + std::string("X: a\0b\r\n\r\n", 10)},
      {"an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"},
      {"an asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a climbing path", "GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"an encoded climbing path", "GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {"HTTP/0.9", "GET /\r\n\r\n"},
      {"TLS on a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\n", 12)},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
  };
  for (const auto& [name, bytes] : cases) {
    // What follows must not be taken for a request of its own.
    const std::string answer = talk(bytes + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << name;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << name;
    EXPECT_THAT(answer, HasSubstr("\"error\"")) << name;
    EXPECT_THAT(answer, Not(HasSubstr("smuggled"))) << name;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, AnswersLegitimateRequests) {
  start(echo);
  const std::pair<std::string, const char*> cases[] = {
      {"GET /x?y=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "|/x?y=1"},
      {"GET / HTTP/1.1\r\nhost: [::1]:80\r\nConnection: close\r\n\r\n", "|/"},
      {"GET / HTTP/1.0\r\n\r\n", "|/"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "|/"},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "|/"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", "hello|/"},
      {"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "hello|/"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nConnection: "
       "close\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
       "hello|/"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: "
       "close\r\n\r\n5\r\nhello\r\n0\r\n"
       "X-Admin: yes\r\nConnection: keep-alive\r\n\r\n",
       "hello|/"},
      {"DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "|/"},
  };
  for (const auto& [bytes, body] : cases) {
    const std::string answer = talk(bytes);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nDate: ")) << bytes;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << bytes;
    EXPECT_THAT(answer, ::testing::EndsWith(std::string("\r\n\r\n") + body)) << bytes;
  }
}

TEST_F(ServerTest, BrokenChunksAreRefusedAndEndTheConnection) {
  start(echo);
  for (const char* chunks :
       {"5;ext=1\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "x\r\n", "-1\r\n\r\n", "5\r\nhelloX\r\n",
        "5\nhello\r\n0\r\n\r\n", "ffffffffffffffffff\r\n"}) {
    const std::string answer =
        talk(std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") + chunks +
             "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 422 ")) << chunks;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << chunks;
    EXPECT_THAT(answer, Not(HasSubstr("smuggled"))) << chunks;
  }
  const std::string endless =
      talk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(200'000, 'x'));
  EXPECT_THAT(endless, StartsWith("HTTP/1.1 422 "));
}

TEST_F(ServerTest, LimitsTheHead) {
  start(echo);
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ";
  EXPECT_THAT(talk(begin + std::string(15'000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(talk(begin + std::string(17'000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(talk("GET /" + std::string(100'000, 'x')), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(handled, 1);
}

TEST_F(ServerTest, LimitsTheBodyWhetherAnnouncedOrNot) {
  settings.max_body_bytes = 1000;
  start(echo);
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  EXPECT_THAT(talk(post + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x')),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(talk(post + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x')),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(talk(post + "Content-Length: 900000000000000000\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(
      talk(post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n"),
      StartsWith("HTTP/1.1 413 "));
}

Task<void> pipeline(ServerTest&, RawClient& client, uint16_t port, std::vector<std::string>& answers) {
  co_await client.connect(port);
  std::string requests;
  for (const char* path : {"/1", "/2", "/3"}) {
    requests += "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  }
  (void)co_await client.send(requests);
  for (const char* end : {"hi|/1", "hi|/2", "hi|/3"}) answers.push_back(co_await client.read_until(end));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start(echo);
  RawClient client(io.get_executor());
  std::vector<std::string> answers;
  run(io, pipeline(*this, client, server->port(), answers));
  ASSERT_EQ(answers.size(), 3u);
  for (const std::string& answer : answers) EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answers[2], ::testing::EndsWith("hi|/3"));
}

TEST_F(ServerTest, AHeadIsAnsweredWithoutABody) {
  start(echo);
  const std::string answer = talk("HEAD /abc HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n"));
}

Task<void> expect_continue(RawClient& client, uint16_t port, std::string& first, std::string& second) {
  co_await client.connect(port);
  (void)co_await client.send(
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  first = co_await client.read_until("\r\n\r\n");
  (void)co_await client.send("hello");
  second = co_await client.read_all();
}

TEST_F(ServerTest, InvitesABodyThatWaitsForIt) {
  start(echo);
  RawClient client(io.get_executor());
  std::string first, second;
  run(io, expect_continue(client, server->port(), first, second));
  EXPECT_EQ(first, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(second, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ServerTest, DoesNotInviteABodyThatItRefuses) {
  settings.max_body_bytes = 4;
  start(echo);
  const std::string answer =
      talk("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(talk("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n"),
              StartsWith("HTTP/1.1 417 "));
}

Task<void> ignore_body(ServerTest&, IncomingRequest&, ResponseWriter& writer) {
  Response response = json_response(404, "{}");
  (void)co_await writer.respond(std::move(response));
}

TEST_F(ServerTest, AnUnreadBodyThatHasArrivedKeepsTheConnection) {
  start(ignore_body);
  const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  const std::string answers = talk(request + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(handled, 2);
  EXPECT_THAT(answers, HasSubstr("Connection: close"));
}

TEST_F(ServerTest, AnUnreadBodyThatIsStillToComeEndsTheConnection) {
  start(ignore_body);
  const std::string answer =
      talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_EQ(handled, 1);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST_F(ServerTest, ClosesAConnectionWhoseHeadDoesNotCome) {
  settings.header_timeout = 30ms;
  start(echo);
  EXPECT_EQ(talk(""), "");
  EXPECT_EQ(talk("GET / HT"), "");
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, ClosesAnIdleConnection) {
  settings.idle_timeout = 30ms;
  settings.header_timeout = 500ms;
  start(echo);
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ::testing::EndsWith("|/"));
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /"), ::testing::EndsWith("|/"));
}

class ServerBodyTest : public ServerTest {
 public:
  std::string outcome;
};

Task<void> read_and_note(ServerTest& test, IncomingRequest& request, ResponseWriter&) {
  const Result<std::string> body = co_await request.read_body();
  static_cast<ServerBodyTest&>(test).outcome = body ? "read" : to_string(body.error().code);
}

TEST_F(ServerBodyTest, ABodyThatStopsIsGivenUp) {
  settings.body_idle_timeout = 30ms;
  start(read_and_note);
  EXPECT_EQ(talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"), "");
  EXPECT_EQ(outcome, "DeadlineExceeded");
}

Task<void> drip(RawClient& client, uint16_t port) {
  co_await client.connect(port);
  (void)co_await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  while (co_await client.send("x")) {
    if (!co_await sleep_for(10ms)) co_return;
  }
}

TEST_F(ServerBodyTest, ABodyThatDripsIsGivenUp) {
  settings.body_idle_timeout = 200ms;
  start(read_and_note);
  RawClient client(io.get_executor());
  run(io, drip(client, server->port()));
  EXPECT_EQ(outcome, "DeadlineExceeded");
}

Task<void> leave_in_the_middle(RawClient& client, uint16_t port) {
  co_await client.connect(port);
  (void)co_await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  client.end_sending();
  (void)co_await client.read_all();
}

TEST_F(ServerBodyTest, AClientThatLeavesIsNoticed) {
  start(read_and_note);
  RawClient client(io.get_executor());
  run(io, leave_in_the_middle(client, server->port()));
  EXPECT_EQ(outcome, "Unavailable");
}

TEST_F(ServerTest, TurnsConnectionsAwayBeyondItsLimit) {
  settings.max_connections = 2;
  start(echo);
  RawClient first(io.get_executor()), second(io.get_executor());
  std::vector<std::string> answers;
  run(io, pipeline(*this, first, server->port(), answers));
  run(io, pipeline(*this, second, server->port(), answers));
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  first.close();
  std::string answer;  // the server sees the close in its own time
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!answer.starts_with("HTTP/1.1 200") && std::chrono::steady_clock::now() < deadline) {
    answer = talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

Task<void> say_nothing(ServerTest&, IncomingRequest&, ResponseWriter&) { co_return; }

TEST_F(ServerTest, AHandlerThatAnswersNothingIsAnError) {
  start(say_nothing);
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
}

Task<void> throw_first(ServerTest&, IncomingRequest&, ResponseWriter&) {
  throw std::runtime_error("secret detail");
  co_return;
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnErrorWithoutDetail) {
  start(throw_first);
  const std::string answer = talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
}

Task<void> throw_in_stream(ServerTest&, IncomingRequest&, ResponseWriter& writer) {
  (void)co_await writer.start_stream(200, Headers());
  (void)co_await writer.write("part");
  throw std::runtime_error("broken");
}

TEST_F(ServerTest, AStreamOfAHandlerThatThrowsIsCut) {
  start(throw_in_stream);
  const std::string answer = talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, ::testing::EndsWith("4\r\npart\r\n"));
}

Task<void> five_bytes(ServerTest&, IncomingRequest& request, ResponseWriter& writer) {
  (void)co_await writer.start_stream(200, Headers(), 5);
  (void)co_await writer.write("par");
  if (request.head().target == "/part") co_return;
  EXPECT_TRUE(co_await writer.write("ts"));
  EXPECT_EQ((bool)co_await writer.write("more"), request.head().method == "HEAD");
}

TEST_F(ServerTest, AStreamOfKnownLengthSaysItAndIsCutWhereItEndsBefore) {
  start(five_bytes);
  const std::string whole = talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(whole, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(whole, ::testing::EndsWith("\r\n\r\nparts"));
  const std::string head = talk("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(head, ::testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(talk("GET /part HTTP/1.1\r\nHost: a\r\n\r\n"), ::testing::EndsWith("\r\n\r\npar"));
}

Task<void> answer_twice(ServerTest& test, IncomingRequest& request, ResponseWriter& writer) {
  Response first = json_response(200, "1"), second = json_response(200, "2");
  EXPECT_FALSE(co_await writer.write("x"));
  EXPECT_TRUE(co_await writer.respond(std::move(first)));
  EXPECT_FALSE(co_await writer.respond(std::move(second)));
  EXPECT_FALSE(co_await writer.start_stream(200, Headers()));
  EXPECT_FALSE(co_await request.read_body());
  (void)test;
}

TEST_F(ServerTest, ARequestIsAnsweredOnce) {
  start(answer_twice);
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              ::testing::EndsWith("\r\n\r\n1"));
}

Task<void> bad_header(ServerTest&, IncomingRequest&, ResponseWriter& writer) {
  Headers headers;
  headers.add("X", "a\r\nSet-Cookie: b");
  Response response{.status = 200, .headers = headers, .body = "x"};
  EXPECT_FALSE(co_await writer.respond(std::move(response)));
}

TEST_F(ServerTest, AFieldThatWouldBreakOutOfItsLineIsNotSent) {
  start(bad_header);
  const std::string answer = talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("Cookie")));
}

Task<void> stream_three(ServerTest&, IncomingRequest&, ResponseWriter& writer) {
  (void)co_await writer.start_stream(
      200, Headers({{"Content-Type", "application/x-ndjson"}, {"Content-Length", "7"}}));
  for (const char* piece : {"one", "", "three"}) EXPECT_TRUE(co_await writer.write(piece));
}

TEST_F(ServerTest, StreamsInChunks) {
  start(stream_three);
  const std::string answer = talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"));
}

TEST_F(ServerTest, StreamsToHttp10WithoutChunksAndToHeadNothing) {
  start(stream_three);
  EXPECT_THAT(talk("GET / HTTP/1.0\r\n\r\n"), ::testing::EndsWith("\r\n\r\nonethree"));
  EXPECT_THAT(talk("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              ::testing::EndsWith("\r\n\r\n"));
}

class ServerFileTest : public ServerTest {
 public:
  ServerFileTest() { std::ofstream(folder.path() / "f") << "0123456789"; }
  testing::TemporaryFolder folder;
};

Task<void> send_the_file(ServerTest& test, IncomingRequest& request, ResponseWriter& writer) {
  const auto path = static_cast<ServerFileTest&>(test).folder.path() / request.target().segments.at(0);
  const Status sent = co_await writer.respond_file(path, Headers({{"ETag", "\"v1\""}}));
  if (sent) co_return;
  Response response = error_response(sent.error());
  (void)co_await writer.respond(std::move(response));
}

TEST_F(ServerFileTest, SendsAFileAndItsParts) {
  start(send_the_file);
  struct Case {
    const char *fields, *status, *content, *body;
  };
  const Case cases[] = {
      {"", "200 OK", "Content-Length: 10\r\n", "0123456789"},
      {"Range: bytes=2-4\r\n", "206 Partial Content", "Content-Range: bytes 2-4/10\r\n", "234"},
      {"Range: bytes=-2\r\n", "206 Partial Content", "Content-Range: bytes 8-9/10\r\n", "89"},
      {"Range: bytes=10-\r\n", "416 Range Not Satisfiable", "Content-Range: bytes */10\r\n", ""},
      {"Range: bytes=0-1,3-4\r\n", "200 OK", "Content-Length: 10\r\n", "0123456789"},
      {"Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n", "206 Partial Content", "Content-Length: 3\r\n", "234"},
      {"Range: bytes=2-4\r\nIf-Range: \"v0\"\r\n", "200 OK", "Content-Length: 10\r\n", "0123456789"},
  };
  for (const Case& expected : cases) {
    const std::string head =
        std::string(" /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n") + expected.fields + "\r\n";
    const std::string answer = talk("GET" + head);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::string(expected.status) + "\r\n")) << expected.fields;
    EXPECT_THAT(answer, HasSubstr(expected.content)) << expected.fields;
    EXPECT_THAT(answer, HasSubstr("ETag: \"v1\"\r\n"));
    EXPECT_THAT(answer, ::testing::EndsWith(std::string("\r\n\r\n") + expected.body)) << expected.fields;
    const std::string headless = talk("HEAD" + head);
    EXPECT_THAT(headless, HasSubstr(expected.content)) << expected.fields;
    EXPECT_THAT(headless, ::testing::EndsWith("\r\n\r\n")) << expected.fields;
  }
}

TEST_F(ServerFileTest, AnAbsentFileLeavesTheAnswerToTheHandler) {
  start(send_the_file);
  const std::string end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  EXPECT_THAT(talk("GET /absent" + end), StartsWith("HTTP/1.1 404 "));
  std::filesystem::create_directory(folder.path() / "d");
  EXPECT_THAT(talk("GET /d" + end), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ServerTest, SaysWhichAddressItCannotListenOn) {
  start(echo);
  ServerSettings same = settings;
  same.port = server->port();
  Server second(io.get_executor(), same, nullptr);
  const Status refused = second.start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("127.0.0.1:" + std::to_string(server->port())));
  same.address = "localhost";
  EXPECT_EQ(Server(io.get_executor(), same, nullptr).start().error().code, ErrorCode::kInvalidArgument);
}

class ServerStopTest : public ServerTest {
 public:
  static Task<void> wait_for_notify(ServerTest& base, IncomingRequest&, ResponseWriter& writer) {
    auto& test = static_cast<ServerStopTest&>(base);
    test.entered.notify();
    const Result<bool> woken = co_await test.notify.wait(kForever);
    test.log.emplace_back(woken ? "finished" : to_string(woken.error().code));
    Response response = json_response(200, "{}");
    (void)co_await writer.respond(std::move(response));
  }
  Task<void> stop_and_log(std::chrono::milliseconds grace) {
    co_await server->stop(grace);
    log.emplace_back("stopped");
  }
  Task<void> request_and_log() {
    const std::string answer = co_await say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    log.push_back(answer.substr(0, answer.find('\r')));
  }
  Task<void> stop_during_request(std::chrono::milliseconds grace, bool finish) {
    (void)co_await entered.wait(kForever);
    others.spawn("stop", stop_and_log(grace));
    if (finish) {
      // Only once it has stopped accepting is the stop under way.
      RawClient probe(io.get_executor());
      while (true) {
        const auto [error] = co_await probe.socket().async_connect(testing::loopback(server->port()),
                                                                   asio::as_tuple(asio::use_awaitable));
        if (error) break;
        probe.close();
      }
      notify.notify();
    }
  }
};

TEST_F(ServerStopTest, LetsARunningHandlerFinish) {
  start(wait_for_notify);
  others.spawn("request", request_and_log());
  others.spawn("stop", stop_during_request(30s, true));
  run(io, others.join());
  EXPECT_EQ(log[0], "finished");
  EXPECT_THAT(log, ::testing::UnorderedElementsAre("finished", "stopped", "HTTP/1.1 200 OK"));
}

TEST_F(ServerStopTest, CancelsAHandlerAfterTheGrace) {
  start(wait_for_notify);
  others.spawn("request", request_and_log());
  others.spawn("stop", stop_during_request(0ms, false));
  run(io, others.join());
  EXPECT_EQ(log[0], "Cancelled");
  EXPECT_THAT(log, ::testing::UnorderedElementsAre("Cancelled", "stopped", ""));
}

TEST_F(ServerStopTest, ClosesIdleConnectionsAtOnce) {
  start(echo);
  RawClient client(io.get_executor());
  std::vector<std::string> answers;
  run(io, pipeline(*this, client, server->port(), answers));
  run(io, server->stop(std::chrono::hours(1)));
  EXPECT_EQ(run(io, client.read_all()), "");
}

}  // namespace
}  // namespace wan::net
