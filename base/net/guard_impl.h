#pragma once
// What a request head may look like beyond what the parser checks: everything that two HTTP implementations
// could read differently is refused. Pure. Internal to base/net.

#include <string_view>

#include "base/net/http.h"

namespace wan::net {

// Looks at the raw bytes of a head as they arrive, for what the parser hides: folded lines and bare line
// ends.
class RawHeadGuard {
 public:
  // kCorrupt at the first byte that is refused; bytes behind the head are not looked at.
  [[nodiscard]] Status look_at(std::string_view bytes);

 private:
  [[nodiscard]] Status look_at(char c);

  bool after_cr_ = false;
  bool at_line_start_ = false;
  bool ended_ = false;
};

// Exactly one Host for HTTP/1.1, at most one for 1.0; Transfer-Encoding only once, only `chunked`, only in
// 1.1, never with Content-Length; Content-Length once and of digits only.
[[nodiscard]] Status check_request_head(int version, const Headers& headers);
// The part of it that a client needs: how the body of a response ends is unambiguous.
[[nodiscard]] Status check_response_head(int version, const Headers& headers);

}  // namespace wan::net
