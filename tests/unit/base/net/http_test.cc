#include "base/net/http.h"

#include <gtest/gtest.h>

#include "base/net/line_decoder.h"
#include "base/net/server.h"

namespace wan::net {
namespace {

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
  Headers headers = {{"Accept", "a"}, {"X", "1"}, {"accept", "b"}};
  EXPECT_EQ(headers.get("ACCEPT"), "a");
  EXPECT_FALSE(headers.get("absent"));
  headers.set("aCCept", "c");
  headers.add("X", "2");
  const std::vector<std::pair<std::string, std::string>> expected = {{"X", "1"}, {"aCCept", "c"}, {"X", "2"}};
  EXPECT_EQ(headers.fields(), expected);
}

TEST(Url, ReadsItsParts) {
  struct Case {
    const char *text, *scheme, *host;
    uint16_t port;
    const char *target, *authority;
  };
  const Case cases[] = {
      {"http://a", "http", "a", 80, "/", "a:80"},
      {"https://A.Example/", "https", "a.example", 443, "/", "a.example:443"},
      {"HTTP://a:8080/x/y?z=1&w", "http", "a", 8080, "/x/y?z=1&w", "a:8080"},
      {"http://a?q", "http", "a", 80, "/?q", "a:80"},
      {"http://10.0.0.1:1/", "http", "10.0.0.1", 1, "/", "10.0.0.1:1"},
      {"https://[::1]:6443/api", "https", "::1", 6443, "/api", "[::1]:6443"},
      {"http://[2001:DB8:0:0::1]", "http", "2001:db8::1", 80, "/", "[2001:db8::1]:80"},
      {"http://a/b@c:d", "http", "a", 80, "/b@c:d", "a:80"},
      {"http://my_svc.ns.svc.cluster.local.:80/", "http", "my_svc.ns.svc.cluster.local.", 80, "/",
       "my_svc.ns.svc.cluster.local.:80"},
  };
  for (const Case& expected : cases) {
    const Result<Url> url = parse_url(expected.text);
    ASSERT_TRUE(url) << expected.text << ": " << url.error().message;
    EXPECT_EQ(url->scheme, expected.scheme);
    EXPECT_EQ(url->host, expected.host);
    EXPECT_EQ(url->port, expected.port);
    EXPECT_EQ(url->target, expected.target);
    EXPECT_EQ(authority(*url), expected.authority);
  }
}

TEST(Url, RefusesWhatTwoParsersMightReadDifferently) {
  for (const char* text : {"",
                           "a",
                           "//a",
                           "ftp://a",
                           "file:///etc/passwd",
                           "http:/a",
                           "http:a",
                           "http://",
                           "http:///x",
                           "http://:80",
                           "http://a:",
                           "http://a:0",
                           "http://a:65536",
                           "http://a:8a",
                           "http://a:-1",
                           "http://a:+80",
                           "http://u@a",
                           "http://u:p@a",
                           "http://a\\b",
                           "http://a\\@b",
                           "http://a#f",
                           "http://a/#f",
                           "http://a/ b",
                           " http://a",
                           "http://a\n",
                           "http://\xC3\xA9",
                           "http://a%2eb",
                           "http://[::1",
                           "http://::1",
                           "http://[::1]x",
                           "http://[1.2.3.4]",
                           "http://[fe80::1%25eth0]",
                           "http://[]",
                           "http://127.1",
                           "http://2130706433",
                           "http://0x7f.1",
                           "http://0x7f000001",
                           "http://1.2.3.04",
                           "http://1.2.3.4.5",
                           "http://256.1.1.1",
                           "http://1.2.3.4.",
                           "http://a..b",
                           "http://.a",
                           "http://a,b",
                           "http://a b/"}) {
    const Result<Url> url = parse_url(text);
    EXPECT_FALSE(url) << text;
    if (!url) EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(parse_url(std::string_view("http://a/\0", 10)));
  EXPECT_FALSE(parse_url("http://" + std::string(9000, 'a')));
}

TEST(PercentCoding, RoundTrips) {
  EXPECT_EQ(percent_encode("a-z_0.9~ /%+\xC3\xA9"), "a-z_0.9~%20%2F%25%2B%C3%A9");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all)).value(), all);
  EXPECT_EQ(percent_decode("%c3%A9+").value(), "\xC3\xA9+");
  for (const char* text : {"%", "%a", "a%2", "%zz", "%2x", "%%41"})
    EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(Target, SplitsAndDecodes) {
  const Result<Target> target = parse_target("/v1/a%20b/c+d/?x=1&y=a+b%26&z&&x=2&=e");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->segments, (std::vector<std::string>{"v1", "a b", "c+d"}));
  EXPECT_EQ(target->parameter("x"), "1");
  EXPECT_EQ(target->parameter("y"), "a b&");
  EXPECT_EQ(target->parameter("z"), "");
  EXPECT_EQ(target->parameter(""), "e");
  EXPECT_FALSE(target->parameter("w"));
  EXPECT_TRUE(parse_target("/")->segments.empty());
  EXPECT_EQ(parse_target("/?a=b")->parameter("a"), "b");
}

TEST(Target, RefusesAmbiguousPaths) {
  for (const char* text :
       {"",    "a",     "*",       "http://a/b", "//",        "//a",       "/a//b",  "/a//",
        "/.",  "/..",   "/a/../b", "/a/./b",     "/%2e%2e/a", "/%2E",      "/a%2Fb", "/a%00b",
        "/a%", "/a%zz", "/a b",    "/a#b",       "/a\x7f",    "/\xC3\xA9", "/a?b=%", "/a?b=%00"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(LineDecoder, JoinsPiecesToLines) {
  LineDecoder decoder;
  const std::string stream = "{\"a\":1}\n\n{\"b\":2}\r\n\r\n{\"c\":3}\n{\"tail\"";
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    LineDecoder each;
    std::vector<std::string> lines;
    for (size_t at = 0; at < stream.size(); at += piece) {
      for (auto& line : each.feed(std::string_view(stream).substr(at, piece)).value())
        lines.push_back(std::move(line));
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"})) << piece;
    EXPECT_EQ(each.feed(":4}\n").value(), std::vector<std::string>{"{\"tail\":4}"});
  }
}

TEST(LineDecoder, RefusesALineBeyondTheLimit) {
  LineDecoder decoder(8);
  EXPECT_EQ(decoder.feed("12345678\n1234")->size(), 1u);
  EXPECT_EQ(decoder.feed("5678")->size(), 0u);
  const auto refused = decoder.feed("9");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
}

TEST(ErrorResponse, HasAStatusForEveryCode) {
  const std::pair<ErrorCode, unsigned> expected[] = {{ErrorCode::kInvalidArgument, 400},
                                                     {ErrorCode::kNotFound, 404},
                                                     {ErrorCode::kAlreadyExists, 409},
                                                     {ErrorCode::kConflict, 409},
                                                     {ErrorCode::kGone, 410},
                                                     {ErrorCode::kPermissionDenied, 403},
                                                     {ErrorCode::kFailedPrecondition, 409},
                                                     {ErrorCode::kResourceExhausted, 413},
                                                     {ErrorCode::kCorrupt, 422},
                                                     {ErrorCode::kDeadlineExceeded, 504},
                                                     {ErrorCode::kCancelled, 503},
                                                     {ErrorCode::kUnavailable, 503},
                                                     {ErrorCode::kInternal, 500}};
  for (const auto& [code, status] : expected) EXPECT_EQ(error_response({code, "m"}).status, status);
  const Response response = error_response(not_found("no \"x\" \xFF"));
  EXPECT_EQ(response.headers.get("content-type"), "application/json");
  EXPECT_EQ(response.body, "{\"error\":{\"message\":\"no \\\"x\\\" \xEF\xBF\xBD\",\"reason\":\"NotFound\"}}");
}

}  // namespace
}  // namespace wan::net
