#pragma once
// HTTP/1.1 messages from bytes, without I/O. Internal to base/net.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/net/http.h"

namespace wan::net {

struct MessageHead {
  int version = 11;  // 10 or 11
  std::string method;
  std::string target;
  unsigned status = 0;
  Headers headers;  // trailers never get in here
};

class Parser {
 public:
  // Strict (see guard_impl.h); a chunk extension is refused.
  [[nodiscard]] static std::unique_ptr<Parser> for_request(size_t max_header_bytes);
  // `head_request`: the response is to a HEAD and has no body whatever its fields say.
  [[nodiscard]] static std::unique_ptr<Parser> for_response(size_t max_header_bytes, bool head_request);
  virtual ~Parser() = default;

  // Takes bytes of the message, appends those of the body to `body`, and returns how many it has used: the
  // rest is to be offered again in front of what arrives next. Stops behind the head and behind the message.
  // kCorrupt, or kResourceExhausted for a head beyond its limit.
  [[nodiscard]] virtual Result<size_t> feed(std::string_view bytes, std::string& body) = 0;
  // The stream has ended: kCorrupt unless that is how the message ends.
  [[nodiscard]] virtual Status feed_end() = 0;

  [[nodiscard]] virtual bool is_head_done() const = 0;
  [[nodiscard]] virtual bool is_done() const = 0;
  // Once the head is done:
  [[nodiscard]] virtual const MessageHead& head() const = 0;
  [[nodiscard]] virtual bool keep_alive() const = 0;
  [[nodiscard]] virtual std::optional<uint64_t> content_length() const = 0;
};

}  // namespace wan::net
