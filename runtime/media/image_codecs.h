#pragma once
// One function for each image format, behind image_reader.h.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "runtime/media/image.h"

namespace wan::media {

[[nodiscard]] Result<Image> read_png(std::span<const uint8_t> bytes, int64_t max_pixels);
[[nodiscard]] Result<Image> read_jpeg(std::span<const uint8_t> bytes, int64_t max_pixels);
[[nodiscard]] Result<Image> read_webp(std::span<const uint8_t> bytes, int64_t max_pixels);

// Allocates after the check. Sides as the file's header states them.
[[nodiscard]] Result<Image> make_image(int64_t width, int64_t height, int64_t max_pixels);

// "a PNG that cannot be read: CRC error".
[[nodiscard]] Error unreadable(std::string_view format, std::string_view why);

}  // namespace wan::media
