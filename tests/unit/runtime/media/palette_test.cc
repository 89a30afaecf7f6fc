#include "runtime/media/palette.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace wan::media {
namespace {

constexpr size_t kSide = 16;

std::vector<uint8_t> indices_of(const Palette& palette, const std::vector<uint8_t>& rgb) {
  std::vector<uint8_t> indices(rgb.size() / 3);
  apply_palette(palette, rgb, kSide, indices);
  return indices;
}

std::vector<uint8_t> flat(uint8_t grey) { return std::vector<uint8_t>(kSide * kSide * 3, grey); }

TEST(Palette, AnAreaBetweenTwoColoursIsMixedToItsOwnMean) {
  Palette palette;  // black but for one white
  palette.colours[1] = {255, 255, 255};
  for (const uint8_t grey : {0, 64, 128, 200, 255}) {
    double sum = 0;
    for (const uint8_t index : indices_of(palette, flat(grey))) sum += palette.colours[index][0];
    EXPECT_NEAR(sum / (kSide * kSide), grey, 255.0 / 64) << int{grey};
  }
}

// Bands of one colour each would show as edges.
TEST(Palette, ASlowGradientHasNoBands) {
  std::vector<uint8_t> rgb;
  for (size_t i = 0; i < kSide * kSide; ++i) {
    const auto grey = static_cast<uint8_t>(100 + i % kSide);
    rgb.insert(rgb.end(), {grey, grey, grey});
  }
  Palette palette;
  palette.colours[1] = {100, 100, 100};
  palette.colours[2] = {116, 116, 116};
  const auto indices = indices_of(palette, rgb);
  std::set<int> sums;  // of each column; two bands would be two
  for (size_t x = 0; x < kSide; ++x) {
    int sum = 0;
    for (size_t i = x; i < indices.size(); i += kSide) sum += palette.colours[indices[i]][0];
    sums.insert(sum);
  }
  EXPECT_GE(sums.size(), 4u);
}

}  // namespace
}  // namespace wan::media
