#include "runtime/media/yuv.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

namespace wan::media {
namespace {

struct Picture {
  int width, height;
  std::vector<uint8_t> y, u, v;
};

Picture convert(const std::vector<uint8_t>& rgb, int width, int height) {
  Picture out = {width, height, std::vector<uint8_t>(width * height),
                 std::vector<uint8_t>(width * height / 4), std::vector<uint8_t>(width * height / 4)};
  rgb_to_yuv420(rgb, width, height, {out.y, out.u, out.v, width, width / 2, width / 2});
  return out;
}

using Colour = std::array<uint8_t, 3>;

Picture convert_flat(Colour colour) {
  std::vector<uint8_t> rgb;
  for (int i = 0; i < 16; ++i) rgb.insert(rgb.end(), colour.begin(), colour.end());
  return convert(rgb, 4, 4);
}

// The definition of BT.709, limited range, in floating point.
std::array<double, 3> reference(Colour colour) {
  const double r = colour[0] / 255.0, g = colour[1] / 255.0, b = colour[2] / 255.0;
  const double y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return {16 + 219 * y, 128 + 224 * (b - y) / 1.8556, 128 + 224 * (r - y) / 1.5748};
}

TEST(Yuv, BlackWhiteAndGreyAreExact) {
  const Picture black = convert_flat({0, 0, 0}), white = convert_flat({255, 255, 255});
  EXPECT_EQ(black.y[0], 16);
  EXPECT_EQ(white.y[0], 235);
  for (int level = 0; level < 256; ++level) {
    const auto grey = static_cast<uint8_t>(level);
    const Picture picture = convert_flat({grey, grey, grey});
    EXPECT_EQ(picture.u[0], 128) << level;
    EXPECT_EQ(picture.v[0], 128) << level;
  }
}

TEST(Yuv, EveryColourIsTheDefinitionRounded) {
  for (int r = 0; r < 256; r += 15) {
    for (int g = 0; g < 256; g += 15) {
      for (int b = 0; b < 256; b += 15) {
        const Colour colour = {static_cast<uint8_t>(r), static_cast<uint8_t>(g), static_cast<uint8_t>(b)};
        const Picture picture = convert_flat(colour);
        const auto expected = reference(colour);
        ASSERT_NEAR(picture.y[0], expected[0], 0.51) << r << " " << g << " " << b;
        ASSERT_NEAR(picture.u[0], expected[1], 0.51) << r << " " << g << " " << b;
        ASSERT_NEAR(picture.v[0], expected[2], 0.51) << r << " " << g << " " << b;
      }
    }
  }
}

TEST(Yuv, ChromaIsWeightedTowardsTheLeftPixelOfItsPair) {
  // Black, black, red, black: the second chroma sample sits on the red pixel and sees it twice out of four.
  std::vector<uint8_t> rgb(4 * 2 * 3, 0);
  rgb[2 * 3] = rgb[(4 + 2) * 3] = 255;
  const Picture picture = convert(rgb, 4, 2);
  const double red = reference({255, 0, 0})[2] - 128;
  EXPECT_NEAR(picture.v[0] - 128, 0, 0.51);
  EXPECT_NEAR(picture.v[1] - 128, red / 2, 0.51);
}

TEST(Yuv, StridesAreObeyed) {
  std::vector<uint8_t> rgb(2 * 2 * 3, 255), y(2 * 5, 7), u(3, 7), v(3, 7);
  rgb_to_yuv420(rgb, 2, 2, {y, u, v, 5, 3, 3});
  EXPECT_EQ(y, (std::vector<uint8_t>{235, 235, 7, 7, 7, 235, 235, 7, 7, 7}));
  EXPECT_EQ(u, (std::vector<uint8_t>{128, 7, 7}));
}

}  // namespace
}  // namespace wan::media
