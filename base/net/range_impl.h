#pragma once
// The Range field of a request (RFC 9110 section 14). Pure. Internal to base/net.

#include <cstdint>
#include <optional>
#include <string_view>

namespace wan::net {

struct ByteRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

enum class RangeVerdict { kWhole, kPart, kUnsatisfiable };

// What to send of `size` bytes. A field that is malformed, of another unit or of several ranges counts as
// absent, as the RFC allows. `part` is set for kPart.
[[nodiscard]] RangeVerdict choose_range(std::optional<std::string_view> field, uint64_t size,
                                        ByteRange& part);

}  // namespace wan::net
