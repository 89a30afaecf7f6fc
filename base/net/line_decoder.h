#pragma once
// Newline-delimited JSON framing (Kubernetes watches, our progress streams): bytes in, whole lines out. Pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wan::net {

class LineDecoder {
 public:
  explicit LineDecoder(size_t max_line_bytes = 16u << 20) : max_line_bytes_(max_line_bytes) {}
  // The lines completed by `bytes`, without their LF or CRLF; empty lines dropped. kResourceExhausted when a
  // line grows beyond the limit. A partial tail waits for more, and is lost with the object (a cut stream).
  [[nodiscard]] Result<std::vector<std::string>> feed(std::string_view bytes);

 private:
  std::string tail_;
  size_t max_line_bytes_;
};

}  // namespace wan::net
