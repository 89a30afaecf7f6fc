#pragma once
// The size and length of a video: what is asked for, and what an image makes of it.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace wan::pipeline {

struct VideoSize {
  int width = 0, height = 0;
};

inline constexpr int kMaxSide = 4096, kMaxFrames = 1025;

// "WIDTHxHEIGHT", both multiples of 16 from 16 to kMaxSide; the error names the field `size`.
[[nodiscard]] Result<VideoSize> parse_size(const std::string& size);

// 4n+1 from 1 to kMaxFrames; the error names the field `frames` and the nearest that are allowed.
[[nodiscard]] Status check_frames(int64_t frames);

// About `max_area` pixels with the image's aspect ratio, both sides cut to multiples of 16: the official
// wan/image2video.py, in doubles. An image so long and thin that a side would be zero is an error that names
// the field `image`.
[[nodiscard]] Result<VideoSize> size_for_image(int64_t max_area, int image_width, int image_height);

}  // namespace wan::pipeline
