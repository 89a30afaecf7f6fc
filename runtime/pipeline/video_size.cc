#include "runtime/pipeline/video_size.h"

#include <cmath>
#include <string>

namespace wan::pipeline {
namespace {

constexpr int kLatentPixel = 8;
constexpr int kPatch = 2;  // latent pixels of a token

int cut_to_tokens(double side) {
  return static_cast<int>(side / kLatentPixel) / kPatch * kPatch * kLatentPixel;
}

}  // namespace

Result<VideoSize> size_for_image(int64_t max_area, int image_width, int image_height) {
  const auto area = static_cast<double>(max_area);
  const double aspect = static_cast<double>(image_height) / image_width;
  const VideoSize size = {cut_to_tokens(std::sqrt(area / aspect)), cut_to_tokens(std::sqrt(area * aspect))};
  if (size.width > 0 && size.height > 0) return size;
  return fail(
      invalid_argument("image: " + std::to_string(image_width) + "x" + std::to_string(image_height) +
                       " is too long and thin; a video of this shape with " + std::to_string(max_area) +
                       " pixels a frame would have a side below 16. Cut the image or ask for a larger "
                       "size"));
}

}  // namespace wan::pipeline
