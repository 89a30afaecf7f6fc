#include "runtime/tokenizer/clean/byte_pattern.h"

namespace wan::tokenizer {
namespace {

bool holds(ByteClass ranges, char byte) {
  const auto number = [](char c) { return static_cast<unsigned char>(c); };
  for (; !ranges.empty(); ranges.remove_prefix(2)) {
    if (number(byte) >= number(ranges[0]) && number(byte) <= number(ranges[1])) return true;
  }
  return false;
}

size_t match_one(const BytePattern& pattern, std::string_view bytes) {
  size_t length = 0;
  for (; length < kLongestPattern && !pattern.classes[length].empty(); ++length) {
    if (length == bytes.size() || !holds(pattern.classes[length], bytes[length])) return 0;
  }
  return length;
}

}  // namespace

size_t match_front(std::span<const BytePattern> patterns, std::string_view bytes) {
  for (const BytePattern& pattern : patterns) {
    if (const size_t length = match_one(pattern, bytes)) return length;
  }
  return 0;
}

bool contains_match(std::span<const BytePattern> patterns, std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(1)) {
    if (match_front(patterns, bytes) > 0) return true;
  }
  return false;
}

}  // namespace wan::tokenizer
