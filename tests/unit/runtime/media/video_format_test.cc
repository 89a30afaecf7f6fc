// Every kind of file by the real wan-media process, read back.

#include "runtime/media/video_format.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/crypto/sha256.h"
#include "runtime/media/encoder.h"
#include "runtime/media/image_decoder.h"
#include "runtime/media/palette.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/media/read_mp4.h"

namespace wan::media {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::psnr;

constexpr int kWidth = 48, kHeight = 32, kFrames = 9;

// Waves that move; every frame has more than 256 colours.
std::vector<uint8_t> picture(int frame) {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      rgb.push_back(static_cast<uint8_t>(128 + 100 * std::sin((x + 2 * frame) / 9.0)));
      rgb.push_back(static_cast<uint8_t>(128 + 100 * std::cos((y - frame) / 7.0)));
      rgb.push_back(static_cast<uint8_t>(60 + 2 * x + y));
    }
  }
  return rgb;
}

class FormatTest : public ::testing::Test {
 protected:
  static fs::path program() { return testing::program_dir() / "wan-media"; }
  fs::path path(const std::string& name) const { return folder_.path() / name; }

  Status encode(const std::string& name, int frames, int written) {
    const VideoSettings settings = {.width = kWidth, .height = kHeight, .frames = frames, .threads = 2};
    WAN_TRY(const auto encoder, VideoEncoder::start(program(), settings, path(name)));
    for (int i = 0; i < written; ++i) {
      const auto rgb = picture(i);
      WAN_TRY_VOID(encoder->write(std::as_bytes(std::span(rgb))));
    }
    return encoder->finish();
  }
  void expect_pictures(const testing::Mp4& video, double least_psnr) {
    ASSERT_EQ(video.pictures.size(), size_t{kFrames});
    for (int i = 0; i < kFrames; ++i) EXPECT_GT(psnr(video.pictures[i].rgb, picture(i)), least_psnr) << i;
  }
  void expect_same_bytes(const std::string& name, const std::string& other) {
    ASSERT_TRUE(encode(other, kFrames, kFrames).has_value());
    EXPECT_EQ(*sha256_file_digest(path(name)), *sha256_file_digest(path(other)));
  }

  testing::TemporaryFolder folder_;
};

TEST_F(FormatTest, WebmIsVp9InBt709AndAlwaysTheSame) {
  ASSERT_TRUE(encode("a.webm", kFrames, kFrames).has_value());
  const auto video = testing::read_mp4(path("a.webm"));
  EXPECT_EQ(video.codec, "vp9");
  EXPECT_EQ(video.pixel_format, "yuv420p");
  EXPECT_EQ(video.color_range, "tv");
  EXPECT_EQ(video.color_space, "bt709");
  EXPECT_EQ(video.frames_per_second, 16);
  expect_pictures(video, 32);
  expect_same_bytes("a.webm", "b.WEBM");
}

TEST_F(FormatTest, GifKeepsEveryFrameCloseAndIsAlwaysTheSame) {
  ASSERT_TRUE(encode("a.gif", kFrames, kFrames).has_value());
  const auto video = testing::read_mp4(path("a.gif"));
  EXPECT_EQ(video.codec, "gif");
  expect_pictures(video, 30);
  expect_same_bytes("a.gif", "b.gif");
}

TEST_F(FormatTest, AFolderHoldsOneExactPngAFrame) {
  ASSERT_TRUE(encode("frames/", kFrames, kFrames).has_value());
  EXPECT_EQ(std::distance(fs::directory_iterator(path("frames")), fs::directory_iterator()), kFrames);
  for (int i = 0; i < kFrames; ++i) {
    const auto image = decode_image_file(program(), path("frames/000" + std::to_string(i + 1) + ".png"));
    ASSERT_TRUE(image.has_value()) << image.error().message;
    EXPECT_EQ(image->width, kWidth);
    EXPECT_EQ(image->rgb, picture(i)) << i;
  }
}

TEST_F(FormatTest, AnEmptyFolderThatIsThereIsFilled) {
  fs::create_directory(path("frames"));
  ASSERT_TRUE(encode("frames", kFrames, kFrames).has_value());
  EXPECT_TRUE(fs::exists(path("frames/0009.png")));
}

TEST_F(FormatTest, OneFrameIsAnExactPng) {
  ASSERT_TRUE(encode("a.png", 1, 1).has_value());
  const auto image = decode_image_file(program(), path("a.png"));
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_EQ(image->rgb, picture(0));
}

TEST_F(FormatTest, AShortInputLeavesNothingInAnyFormat) {
  for (const char* name : {"a.mp4", "a.webm", "a.gif", "frames/"}) {
    const auto status = encode(name, kFrames, kFrames - 1);
    ASSERT_FALSE(status.has_value()) << name;
    EXPECT_THAT(status.error().message, HasSubstr("ended in frame 9 of 9"));
    EXPECT_TRUE(fs::is_empty(folder_.path())) << name;
  }
}

TEST_F(FormatTest, OtherNamesAreRefusedWithWhatIsAllowed) {
  for (const char* name : {"a.avi", "a", "a.mp4.txt", ".mp4"}) {
    const auto format = video_format(path(name), 1);
    ASSERT_FALSE(format.has_value()) << name;
    EXPECT_EQ(format.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(format.error().message, AllOf(HasSubstr("output: " + path(name).string()),
                                              HasSubstr("allowed: .mp4, .webm, .gif, .png")));
  }
  EXPECT_EQ(*video_format("x.Mp4", 17), VideoFormat::kMp4);
}

TEST_F(FormatTest, APngHoldsOneFrame) {
  const auto format = video_format("a.png", 17);
  ASSERT_FALSE(format.has_value());
  EXPECT_THAT(format.error().message, HasSubstr("the video has 17 frames"));
}

TEST_F(FormatTest, AFolderWithFilesIsLeftAlone) {
  std::ofstream(path("precious.txt")) << "x";
  const auto format = video_format(folder_.path(), kFrames);
  ASSERT_FALSE(format.has_value());
  EXPECT_THAT(format.error().message, HasSubstr("with files in it"));
  EXPECT_FALSE(encode("", kFrames, kFrames).has_value());
  EXPECT_TRUE(fs::exists(path("precious.txt")));
}

TEST(Palette, UpTo256ColoursAreKeptExactly) {
  std::vector<uint8_t> rgb;
  for (int i = 0; i < 256; ++i) {
    for (const int channel : {i % 8 * 32, i / 8 % 8 * 32, i / 64 * 64})
      rgb.push_back(static_cast<uint8_t>(channel));
  }
  const Palette palette = choose_palette(rgb);
  std::vector<uint8_t> indices(256);
  apply_palette(palette, rgb, 16, indices);
  for (size_t i = 0; i < indices.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) ASSERT_EQ(palette.colours[indices[i]][c], rgb[3 * i + c]) << i;
  }
}

TEST(Palette, ASmoothPictureStaysClose) {
  const auto rgb = picture(3);
  const Palette palette = choose_palette(rgb);
  std::vector<uint8_t> indices(rgb.size() / 3), back;
  apply_palette(palette, rgb, kWidth, indices);
  for (const uint8_t index : indices) {
    back.insert(back.end(), palette.colours[index].begin(), palette.colours[index].end());
  }
  EXPECT_GT(psnr(rgb, back), 30);
}

}  // namespace
}  // namespace wan::media
