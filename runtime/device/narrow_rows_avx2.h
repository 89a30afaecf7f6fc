#pragma once
// Results written in fp32 or in bf16, whichever their reader takes. Included by the *_avx2.cc files alone.

#include <algorithm>

#include "runtime/device/tile_avx2.h"
#include "runtime/device/tile_avx512.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace wan::device::avx2 {

// out[at + i .. at + i + 8) = values(i) for every eighth i below `count`; nothing behind the last.
template <typename Values>
[[gnu::always_inline]] static inline void write_row(void* out, Stored stored, int64_t at, int64_t count,
                                                    const Values& values) {
  if (stored == Stored::kFloat) {
    float* row = static_cast<float*>(out) + at;
    for (int64_t i = 0; i < count; i += 8) store_first(row + i, values(i), count - i);
    return;
  }
  constexpr int64_t kTogether = 128;
  float some[kTogether];
  for (int64_t first = 0; first < count; first += kTogether) {
    const int64_t now = std::min(count - first, kTogether);
    for (int64_t i = 0; i < now; i += 8) _mm256_storeu_ps(some + i, values(first + i));
    avx512::narrow(some, now, static_cast<uint16_t*>(out) + at + first);
  }
}

}  // namespace wan::device::avx2

#pragma clang attribute pop
