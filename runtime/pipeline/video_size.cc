#include "runtime/pipeline/video_size.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace wan::pipeline {
namespace {

constexpr int kLatentPixel = 8;
constexpr int kPatch = 2;  // latent pixels of a token

int cut_to_tokens(double side) {
  return static_cast<int>(side / kLatentPixel) / kPatch * kPatch * kLatentPixel;
}

}  // namespace

Result<VideoSize> parse_size(const std::string& size) {
  constexpr int kStep = kPatch * kLatentPixel;
  int sides[2] = {0, 0};
  const char* at = size.data();
  const char* end = at + size.size();
  bool good = true;
  for (int& side : sides) {
    const auto [next, error] = std::from_chars(at, end, side);
    good = good && error == std::errc() && side >= kStep && side <= kMaxSide && side % kStep == 0;
    at = next;
    if (&side == &sides[0] && good) good = at != end && *at++ == 'x';
  }
  if (good && at == end) return VideoSize{sides[0], sides[1]};
  return fail(
      invalid_argument("size: '" + size +
                       "' is not allowed; it must be WIDTHxHEIGHT with both sides multiples of 16 from "
                       "16 to 4096, for example 832x480"));
}

Status check_frames(int64_t frames) {
  const std::string refused = "frames: " + std::to_string(frames) +
                              " is not allowed; it must be 4n+1 from 1 to " + std::to_string(kMaxFrames);
  if (frames < 1 || frames > kMaxFrames) return fail(invalid_argument(refused));
  if (frames % 4 == 1) return {};
  const int64_t below = frames - (frames + 3) % 4;
  return fail(invalid_argument(refused + "; the nearest are " + std::to_string(below) + " and " +
                               std::to_string(below + 4)));
}

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
