#pragma once
// Bytes from one open file to another, hashed on the way.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace wan::gallery {

struct Copied {
  std::string digest;  // "sha256:..."
  int64_t bytes = 0;
};

// Told the bytes of each piece as it is done.
using BytesSink = std::function<void(int64_t)>;

// Copies from the current offset of `from` to its end. `to` < 0: only hashes.
[[nodiscard]] Result<Copied> copy_and_hash(int from, int to, const BytesSink& sink = {});

}  // namespace wan::gallery
