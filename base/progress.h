#pragma once
// How far a long piece of work is. Values only; who shows them (terminal line, status field, NDJSON) decides
// how.

#include <cstdint>
#include <string>

namespace wan {

struct Progress {
  std::string phase;         // Hash, Load, TextEncode, ImageEncode, Denoise, Decode, Encode, Upload or Pull
  int64_t done = 0;          // steps, frames or bytes, as the phase counts
  int64_t total = 0;         // 0: unknown
  double percent = 0;        // of the whole work, 0..100
  double seconds_left = -1;  // of the whole work; negative: not yet known
  double seconds_per_step = -1;
};

}  // namespace wan
