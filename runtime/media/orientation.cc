#include "runtime/media/orientation.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace wan::media {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3;
constexpr size_t kEntryBytes = 12;

// Bounds-checked integers of a TIFF block; outside of it everything reads as zero.
class Tiff {
 public:
  explicit Tiff(std::span<const uint8_t> bytes) : bytes_(bytes), big_(number_at(0, 2, true) == 0x4d4d) {}
  [[nodiscard]] uint32_t number(size_t offset, size_t size) const { return number_at(offset, size, big_); }

 private:
  [[nodiscard]] uint32_t number_at(size_t offset, size_t size, bool big) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | bytes_[offset + (big ? i : size - 1 - i)];
    return value;
  }
  std::span<const uint8_t> bytes_;
  bool big_;
};

}  // namespace

int exif_orientation(std::span<const uint8_t> bytes) {
  const Tiff tiff(bytes);
  if (tiff.number(2, 2) != 42) return 1;
  const size_t directory = tiff.number(4, 4);
  const size_t entries = tiff.number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (tiff.number(entry, 2) != kOrientationTag || tiff.number(entry + 2, 2) != kShort) continue;
    const uint32_t value = tiff.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image turned_upright(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool swapped = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image out = {image.width, image.height, std::vector<uint8_t>(image.rgb.size())};
  if (swapped) std::swap(out.width, out.height);
  uint8_t* to = out.rgb.data();
  for (ptrdiff_t y = 0; y < out.height; ++y) {
    for (ptrdiff_t x = 0; x < out.width; ++x, to += 3) {
      const ptrdiff_t column = swapped ? y : x, row = swapped ? x : y;
      const ptrdiff_t from_x = mirror_x ? image.width - 1 - column : column;
      const ptrdiff_t from_y = mirror_y ? image.height - 1 - row : row;
      std::copy_n(image.rgb.data() + 3 * (from_y * image.width + from_x), 3, to);
    }
  }
  return out;
}

}  // namespace wan::media
