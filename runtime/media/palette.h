#pragma once
// A picture in at most 256 colours, for formats that have no more. Integers only: the same bytes everywhere.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wan::media {

struct Palette {
  std::array<std::array<uint8_t, 3>, 256> colours{};  // unused ones are black
};

// Median cut (Heckbert 1982) over the picture's colours in steps of 8: boxes of colours are halved, each time
// the one with the most pixels times the length of its longest side, until there are 256.
[[nodiscard]] Palette choose_palette(std::span<const uint8_t> rgb);

// One index a pixel of a picture `width` pixels wide: of the two colours that together come nearest, one or
// the other, after a fixed 8x8 pattern (Bayer 1973), so that areas have the right mean and do not flicker
// from frame to frame. REQUIRES as many bytes in `indices` as pixels in `rgb`.
void apply_palette(const Palette& palette, std::span<const uint8_t> rgb, size_t width,
                   std::span<uint8_t> indices);

}  // namespace wan::media
