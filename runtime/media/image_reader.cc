#include "runtime/media/image_reader.h"

#include <string>

#include "runtime/media/image_codecs.h"
#include "runtime/media/image_format.h"

namespace wan::media {

Result<Image> make_image(int64_t width, int64_t height, int64_t max_pixels) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width < 1 || height < 1) return fail(invalid_argument(size + "; allowed: at least 1 x 1"));
  if (width > max_pixels / height) {
    return fail({ErrorCode::kResourceExhausted,
                 size + "; allowed: at most " + std::to_string(max_pixels) + " pixels; make it smaller"});
  }
  return Image{static_cast<int>(width), static_cast<int>(height),
               std::vector<uint8_t>(static_cast<size_t>(3 * width * height))};
}

Error unreadable(std::string_view format, std::string_view why) {
  return invalid_argument(std::string(format) + " that cannot be read: " + std::string(why));
}

Result<Image> read_image(std::span<const uint8_t> bytes, int64_t max_pixels) {
  WAN_TRY(const ImageFormat format, recognise_image(bytes));
  switch (format) {
    case ImageFormat::kPng: return read_png(bytes, max_pixels);
    case ImageFormat::kJpeg: return read_jpeg(bytes, max_pixels);
    case ImageFormat::kWebp: return read_webp(bytes, max_pixels);
  }
  return fail(internal_error("an image format without a reader"));
}

}  // namespace wan::media
