#pragma once
// The size of a video that starts from an image.

#include <cstdint>

#include "base/result.h"

namespace wan::pipeline {

struct VideoSize {
  int width = 0, height = 0;
};

// About `max_area` pixels with the image's aspect ratio, both sides cut to multiples of 16: the official
// wan/image2video.py, in doubles. An image so long and thin that a side would be zero is an error that names
// the field `image`.
[[nodiscard]] Result<VideoSize> size_for_image(int64_t max_area, int image_width, int image_height);

}  // namespace wan::pipeline
