#pragma once
// How a camera held the picture: EXIF 2.3, tag 0x0112.

#include <cstdint>
#include <span>

#include "runtime/media/image.h"

namespace wan::media {

// 1..8 from the TIFF block of an EXIF segment (after "Exif\0\0"); 1, upright, where it says nothing valid.
[[nodiscard]] int exif_orientation(std::span<const uint8_t> tiff);

// The picture as it is to be seen. Orientations 5 to 8 swap the sides.
[[nodiscard]] Image turned_upright(Image image, int orientation);

}  // namespace wan::media
