#pragma once
// Image files to RGB, from memory. Part of the wan-media program, where it runs in a sandbox; the rest of the
// project reaches it through image_decoder.h. Errors are one line, kInvalidArgument or kResourceExhausted.

#include <cstdint>
#include <span>

#include "base/result.h"
#include "runtime/media/image.h"

namespace wan::media {

// Eight bits a channel: of sixteen the upper eight; grey and palette become RGB; transparency is dropped and
// colour profiles are ignored, as by the convert("RGB") of the Python library that the official code reads
// images with. A JPEG is turned as its EXIF orientation says. `max_pixels` is checked on the header, before
// anything of that size is allocated.
[[nodiscard]] Result<Image> read_image(std::span<const uint8_t> bytes, int64_t max_pixels);

}  // namespace wan::media
