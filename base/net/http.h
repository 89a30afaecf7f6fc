#pragma once
// HTTP/1.1 messages as values. Beast stays inside base/net's .cc files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wan::net {

// Field names compare without case; order and repeats are kept.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}
  void set(std::string name, std::string value);  // replaces all of that name
  void add(std::string name, std::string value);
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;  // the first
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";  // path and query, percent-encoded
  Headers headers;
  std::string body;
};

struct Response {
  unsigned status = 0;
  Headers headers;
  std::string body;
};

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // without brackets for IPv6
  uint16_t port = 0;   // filled from the scheme where the text has none
  std::string target;  // path and query, at least "/"
};

// The one URL parser (WHATWG-like for http/https, no user info, no fragment, no backslash, no control
// characters).
[[nodiscard]] Result<Url> parse_url(std::string_view text);
// "host:port" as the Host header and the connection pool want it: brackets round IPv6.
[[nodiscard]] std::string authority(const Url& url);
[[nodiscard]] std::string percent_encode(std::string_view text);  // unreserved characters stay
[[nodiscard]] Result<std::string> percent_decode(std::string_view text);

// "path?query" of a request target, decoded: the path split at '/', and the query's pairs.
struct Target {
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};
// Refuses bad encodings, empty inner segments, "." and "..", NUL, and an encoded '/' inside a segment. One
// trailing '/' is dropped; '+' is a space in the query.
[[nodiscard]] Result<Target> parse_target(std::string_view target);

}  // namespace wan::net
