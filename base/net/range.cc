#include <algorithm>
#include <charconv>

#include "base/net/range_impl.h"

namespace wan::net {
namespace {

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

RangeVerdict choose_range(std::optional<std::string_view> field, uint64_t size, ByteRange& part) {
  constexpr std::string_view kUnit = "bytes=";
  if (!field || !field->starts_with(kUnit)) return RangeVerdict::kWhole;
  const std::string_view range = field->substr(kUnit.size());
  const size_t dash = range.find('-');
  if (dash == range.npos) return RangeVerdict::kWhole;
  const auto first = number(range.substr(0, dash)), last = number(range.substr(dash + 1));

  if (dash == 0) {  // the last so many bytes
    if (!last) return RangeVerdict::kWhole;
    if (*last == 0 || size == 0) return RangeVerdict::kUnsatisfiable;
    part = {.offset = size - std::min(*last, size), .bytes = std::min(*last, size)};
    return RangeVerdict::kPart;
  }
  const bool open_ended = dash + 1 == range.size();
  if (!first || (!last && !open_ended) || (last && *last < *first)) return RangeVerdict::kWhole;
  if (*first >= size) return RangeVerdict::kUnsatisfiable;
  const uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  part = {.offset = *first, .bytes = end - *first + 1};
  return RangeVerdict::kPart;
}

}  // namespace wan::net
