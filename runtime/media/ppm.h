#pragma once
// How pixels come back from wan-media: binary PPM ("P6 WIDTH HEIGHT 255"), which image programs read too.

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "runtime/media/image.h"

namespace wan::media {

[[nodiscard]] std::string ppm_header(int width, int height);

// Collects a PPM piece by piece. Memory for pixels is taken once, after the header passed the check.
class PpmReceiver {
 public:
  explicit PpmReceiver(int64_t max_pixels) : max_pixels_(max_pixels) {}
  [[nodiscard]] Status append(std::span<const uint8_t> bytes);
  // kCorrupt unless exactly the pixels that the header promised have come.
  [[nodiscard]] Result<Image> finish();

 private:
  [[nodiscard]] Status read_header();

  int64_t max_pixels_;
  std::string header_;
  bool has_header_ = false;
  Image image_;
  size_t expected_ = 0;  // bytes of pixels
};

}  // namespace wan::media
