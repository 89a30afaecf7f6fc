#include <gtest/gtest.h>

#include "base/net/parser_impl.h"
#include "base/net/range_impl.h"

namespace wan::net {
namespace {

struct Parsed {
  Status status;
  MessageHead head;
  std::string body, rest;
  bool done = false, keep_alive = false;
};

// Offers the bytes as a connection does: what was not used stays in front of the next piece.
Parsed feed(Parser& parser, std::string_view bytes, size_t piece, bool then_end = false) {
  Parsed parsed;
  std::string pending;
  while (parsed.status && !parser.is_done() && !(bytes.empty() && pending.empty())) {
    pending += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      const Result<size_t> used = parser.feed(pending, parsed.body);
      if (!used) parsed.status = fail(used.error());
      if (!used || *used == 0 || parser.is_done()) {
        if (used) pending.erase(0, *used);
        break;
      }
      pending.erase(0, *used);
    }
    if (bytes.empty()) break;
  }
  if (parsed.status && then_end && !parser.is_done()) parsed.status = parser.feed_end();
  parsed.rest = pending + std::string(bytes);
  parsed.done = parser.is_done();
  if (parser.is_head_done()) {
    parsed.head = parser.head();
    parsed.keep_alive = parser.keep_alive();
  }
  return parsed;
}

TEST(Parser, AnyCutOfTheBytesGivesTheSameRequest) {
  const std::string bytes =
      "POST /x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
      "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Admin: yes\r\nX-A: 2\r\n\r\nGET / HTTP/1.1\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto parser = Parser::for_request(16384);
    const Parsed parsed = feed(*parser, bytes, piece);
    ASSERT_TRUE(parsed.status) << piece << ": " << parsed.status.error().message;
    EXPECT_TRUE(parsed.done);
    EXPECT_TRUE(parsed.keep_alive);
    EXPECT_EQ(parsed.head.method, "POST");
    EXPECT_EQ(parsed.head.target, "/x?y");
    EXPECT_EQ(parsed.body, "abc0123456789");
    EXPECT_EQ(parsed.head.headers.get("X-A"), "1");
    EXPECT_FALSE(parsed.head.headers.get("X-Admin")) << "a trailer became a header";
    EXPECT_EQ(parsed.rest, "GET / HTTP/1.1\r\n");
  }
}

TEST(Parser, EmptyLinesInFrontOfARequestAreSkipped) {
  for (size_t piece = 1; piece <= 4; ++piece) {
    const auto parser = Parser::for_request(16384);
    EXPECT_TRUE(feed(*parser, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", piece).done);
  }
  const auto parser = Parser::for_request(16384);
  EXPECT_FALSE(feed(*parser, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1000).status);
}

TEST(Parser, EveryCutOfARefusedHeadIsRefused) {
  for (const std::string bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"}) {
    for (size_t piece = 1; piece <= bytes.size(); ++piece) {
      const auto parser = Parser::for_request(16384);
      const Parsed parsed = feed(*parser, bytes, piece);
      ASSERT_FALSE(parsed.status) << piece << bytes;
      EXPECT_EQ(parsed.status.error().code, ErrorCode::kCorrupt);
    }
  }
}

TEST(Parser, AHeadBeyondItsLimitIsRefusedBeforeItsEnd) {
  const auto parser = Parser::for_request(1000);
  const Parsed parsed = feed(*parser, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'x'), 100);
  ASSERT_FALSE(parsed.status);
  EXPECT_EQ(parsed.status.error().code, ErrorCode::kResourceExhausted);
}

TEST(Parser, ReadsResponsesOfEveryFraming) {
  struct Case {
    const char* bytes;
    const char* body;
    bool head_request, then_end, keep_alive;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", false, false, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, false, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "abc", false, false, false},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n", "abc", false, false,
       true},
      {"HTTP/1.1 200 OK\r\n\r\nabc", "abc", false, true, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", false, false, false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n", "", true, false, true},
      {"HTTP/1.1 204 No Content\r\n\r\n", "", false, false, true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", false, false, true},
      {"HTTP/1.1 100 Continue\r\n\r\n", "", false, false, true},
  };
  for (const Case& expected : cases) {
    const auto parser = Parser::for_response(16384, expected.head_request);
    const Parsed parsed = feed(*parser, expected.bytes, 7, expected.then_end);
    ASSERT_TRUE(parsed.status) << expected.bytes << parsed.status.error().message;
    EXPECT_TRUE(parsed.done) << expected.bytes;
    EXPECT_EQ(parsed.body, expected.body);
    EXPECT_EQ(parsed.keep_alive, expected.keep_alive) << expected.bytes;
  }
}

TEST(Parser, RefusesResponsesThatEndTwoWays) {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                            "HTTP/2 200\r\n\r\n", "SSH-2.0-x\r\n\r\n"}) {
    const auto parser = Parser::for_response(16384, false);
    EXPECT_FALSE(feed(*parser, bytes, 1000).status) << bytes;
  }
}

TEST(Parser, AnEndInTheMiddleIsAnError) {
  for (const char* bytes : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    const auto parser = Parser::for_response(16384, false);
    EXPECT_FALSE(feed(*parser, bytes, 1000, true).status) << bytes;
  }
}

TEST(Range, ChoosesWhatToSend) {
  struct Case {
    const char* field;
    RangeVerdict verdict;
    uint64_t offset, bytes;
  };
  constexpr auto kWhole = RangeVerdict::kWhole;
  constexpr auto kPart = RangeVerdict::kPart;
  constexpr auto kNone = RangeVerdict::kUnsatisfiable;
  const Case cases[] = {{"bytes=0-0", kPart, 0, 1},  {"bytes=2-5", kPart, 2, 4},
                        {"bytes=2-", kPart, 2, 8},   {"bytes=-3", kPart, 7, 3},
                        {"bytes=-30", kPart, 0, 10}, {"bytes=5-100", kPart, 5, 5},
                        {"bytes=10-", kNone, 0, 0},  {"bytes=99-100", kNone, 0, 0},
                        {"bytes=-0", kNone, 0, 0},   {"bytes=5-2", kWhole, 0, 0},
                        {"bytes=", kWhole, 0, 0},    {"bytes=-", kWhole, 0, 0},
                        {"bytes=a-b", kWhole, 0, 0}, {"bytes=0-1,4-5", kWhole, 0, 0},
                        {"lines=0-1", kWhole, 0, 0}, {"bytes=1", kWhole, 0, 0},
                        {"bytes=--1", kWhole, 0, 0}, {"bytes=99999999999999999999-", kWhole, 0, 0}};
  for (const Case& expected : cases) {
    ByteRange part;
    EXPECT_EQ(choose_range(expected.field, 10, part), expected.verdict) << expected.field;
    EXPECT_EQ(part.offset, expected.offset) << expected.field;
    EXPECT_EQ(part.bytes, expected.bytes) << expected.field;
  }
  ByteRange part;
  EXPECT_EQ(choose_range(std::nullopt, 10, part), kWhole);
  EXPECT_EQ(choose_range("bytes=0-", 0, part), kNone);
}

}  // namespace
}  // namespace wan::net
