#include <webp/decode.h>

#include "runtime/media/image_codecs.h"

namespace wan::media {

Result<Image> read_webp(std::span<const uint8_t> bytes, int64_t max_pixels) {
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK) {
    return fail(unreadable("a WebP", "its header is damaged or it ends early"));
  }
  if (features.has_animation) return fail(unreadable("a WebP", "it is an animation; give one picture"));
  WAN_TRY(Image image, make_image(features.width, features.height, max_pixels));
  if (!WebPDecodeRGBInto(bytes.data(), bytes.size(), image.rgb.data(), image.rgb.size(), 3 * image.width)) {
    return fail(unreadable("a WebP", "it is damaged or ends early"));
  }
  return image;
}

}  // namespace wan::media
