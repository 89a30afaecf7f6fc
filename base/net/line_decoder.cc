#include "base/net/line_decoder.h"

namespace wan::net {

Result<std::vector<std::string>> LineDecoder::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    if (tail_.size() + piece.size() > max_line_bytes_) {
      return fail({ErrorCode::kResourceExhausted, "a line of the stream is longer than the limit of " +
                                                      std::to_string(max_line_bytes_) + " bytes"});
    }
    tail_ += piece;
    if (newline == bytes.npos) break;
    bytes.remove_prefix(newline + 1);
    if (tail_.ends_with('\r')) tail_.pop_back();
    if (!tail_.empty()) lines.push_back(std::exchange(tail_, {}));
  }
  return lines;
}

}  // namespace wan::net
