#pragma once
// Images from users to RGB, decoded by a wan-media process in a sandbox. No codec here.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "runtime/media/image.h"

namespace wan::media {

struct ImageLimits {
  size_t max_bytes = size_t{32} << 20;
  int64_t max_pixels = 64'000'000;
  std::chrono::milliseconds deadline = std::chrono::minutes(2);
};

// PNG, JPEG or WebP; what becomes of grey, palettes, transparency and orientation: image_reader.h. `program`
// is what find_media_program (encoder.h) gave. Errors name the field `image`, what the bytes are and what is
// allowed: kInvalidArgument and kResourceExhausted are the image's fault, kDeadlineExceeded too.
[[nodiscard]] Result<Image> decode_image(const std::filesystem::path& program, std::span<const uint8_t> bytes,
                                         const ImageLimits& limits = {});

// A regular file; errors name it too.
[[nodiscard]] Result<Image> decode_image_file(const std::filesystem::path& program,
                                              const std::filesystem::path& file,
                                              const ImageLimits& limits = {});

}  // namespace wan::media
