#pragma once
// Short patterns over bytes: a sequence of classes, one a byte.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace wan::tokenizer {

// Bounds of ranges in pairs: "\x80\xBF" is the bytes 80 to BF, "  " the space.
using ByteClass = std::string_view;

inline constexpr size_t kLongestPattern = 6;
struct BytePattern {
  ByteClass classes[kLongestPattern];  // empty ones at the end do not count
};

// The length of the first pattern that the bytes start with; 0 for none.
[[nodiscard]] size_t match_front(std::span<const BytePattern> patterns, std::string_view bytes);

[[nodiscard]] bool contains_match(std::span<const BytePattern> patterns, std::string_view bytes);

// Every match from the left, none overlapping, becomes what `replacement(match)` returns.
template <typename Replacement>
[[nodiscard]] std::string replace_matches(std::span<const BytePattern> patterns, std::string_view bytes,
                                          Replacement&& replacement) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const size_t length = match_front(patterns, bytes);
    if (length == 0) {
      out += bytes.front();
    } else {
      out += replacement(bytes.substr(0, length));
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace wan::tokenizer
