#include "runtime/media/yuv.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <random>
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

// Corners of the cube, its edges' neighbours, and many others: each component within half a step of the
// definition plus the weights' rounding (2^-17 each, three of them, times 255).
TEST(Yuv, CornersAndRandomColoursAreTheDefinitionRounded) {
  constexpr double kBound = 0.5 + 3 * 255.0 / (1 << 17);
  std::mt19937 random(20);
  std::vector<Colour> colours;
  for (const int r : {0, 1, 127, 128, 254, 255}) {
    for (const int g : {0, 1, 127, 128, 254, 255}) {
      for (const int b : {0, 1, 127, 128, 254, 255})
        colours.push_back(Colour{uint8_t(r), uint8_t(g), uint8_t(b)});
    }
  }
  for (int i = 0; i < 20000; ++i) {
    const auto bits = static_cast<uint32_t>(random());
    colours.push_back(Colour{uint8_t(bits), uint8_t(bits >> 8), uint8_t(bits >> 16)});
  }
  for (const Colour& colour : colours) {
    const Picture picture = convert_flat(colour);
    const auto expected = reference(colour);
    ASSERT_NEAR(picture.y[0], expected[0], kBound);
    ASSERT_NEAR(picture.u[0], expected[1], kBound);
    ASSERT_NEAR(picture.v[0], expected[2], kBound);
  }
}

TEST(Yuv, EveryValueStaysInTheLimitedRange) {
  for (int corner = 0; corner < 8; ++corner) {
    const auto channel = [&](int bit) { return static_cast<uint8_t>(corner >> bit & 1 ? 255 : 0); };
    const Picture picture = convert_flat({channel(0), channel(1), channel(2)});
    EXPECT_GE(picture.y[0], 16);
    EXPECT_LE(picture.y[0], 235);
    for (const uint8_t chroma : {picture.u[0], picture.v[0]}) {
      EXPECT_GE(chroma, 16);
      EXPECT_LE(chroma, 240);
    }
  }
}

// Half a step of luma and of chroma, through the inverse matrix: 255/219 * 0.5 + 1.8556 * 255/224 * 0.5
// = 1.64 for blue, the worst, plus half a step of rounding back.
TEST(Yuv, BackToRgbIsAtMostTwoAway) {
  for (int r = 0; r < 256; r += 17) {
    for (int g = 0; g < 256; g += 17) {
      for (int b = 0; b < 256; b += 17) {
        const Picture picture = convert_flat({uint8_t(r), uint8_t(g), uint8_t(b)});
        const double y = (picture.y[0] - 16) / 219.0;
        const double blue = y + 1.8556 * (picture.u[0] - 128) / 224,
                     red = y + 1.5748 * (picture.v[0] - 128) / 224;
        const double green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152;
        ASSERT_LE(std::abs(std::round(255 * red) - r), 2) << r << " " << g << " " << b;
        ASSERT_LE(std::abs(std::round(255 * green) - g), 2) << r << " " << g << " " << b;
        ASSERT_LE(std::abs(std::round(255 * blue) - b), 2) << r << " " << g << " " << b;
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
