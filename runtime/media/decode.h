#pragma once
// `wan-media decode`: an image on standard input to a PPM on standard output, inside the sandbox.

#include <cstddef>
#include <cstdint>

namespace wan::media {

struct DecodeOptions {
  size_t max_bytes = size_t{32} << 20;
  int64_t max_pixels = 64'000'000;
};

// Ends the process without destructors: what they call need not be allowed in the sandbox.
[[noreturn]] void run_decode(const DecodeOptions& options);

}  // namespace wan::media
