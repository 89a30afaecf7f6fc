// The real wan-media process, its files read back with FFmpeg.

#include "runtime/media/encoder.h"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/media/read_mp4.h"

namespace wan::media {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kWidth = 64, kHeight = 48, kFrames = 9;
constexpr VideoSettings kSettings = {.width = kWidth, .height = kHeight, .frames = kFrames, .fps = 16};

// A square that moves over a gradient.
std::vector<uint8_t> picture(int frame) {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const bool inside = x >= 4 * frame && x < 4 * frame + 16 && y >= 16 && y < 32;
      rgb.push_back(inside ? 220 : static_cast<uint8_t>(40 + x));
      rgb.push_back(inside ? 30 : static_cast<uint8_t>(60 + y));
      rgb.push_back(inside ? 30 : 180);
    }
  }
  return rgb;
}

class EncoderTest : public ::testing::Test {
 protected:
  fs::path program() const { return testing::program_dir() / "wan-media"; }
  fs::path file(const std::string& name) const { return folder_.path() / name; }

  Status encode(const fs::path& output, int frames) {
    auto encoder = VideoEncoder::start(program(), kSettings, output);
    if (!encoder) return fail(encoder.error());
    for (int i = 0; i < frames; ++i) {
      const auto rgb = picture(i);
      WAN_TRY_VOID((*encoder)->write(std::as_bytes(std::span(rgb))));
    }
    return (*encoder)->finish();
  }
  // How many files the folder has: temporary ones count.
  long files() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }

  wan::testing::TemporaryFolder folder_;
};

TEST_F(EncoderTest, WritesAnMp4ThatSaysBt709LimitedRange) {
  ASSERT_TRUE(encode(file("a.mp4"), kFrames).has_value());
  const auto mp4 = wan::testing::read_mp4(file("a.mp4"));
  EXPECT_EQ(mp4.codec, "h264");
  EXPECT_EQ(mp4.pixel_format, "yuv420p");
  EXPECT_EQ(mp4.color_range, "tv");
  EXPECT_EQ(mp4.color_space, "bt709");
  EXPECT_EQ(mp4.color_transfer, "bt709");
  EXPECT_EQ(mp4.color_primaries, "bt709");
  EXPECT_EQ(mp4.frames_per_second, 16);
}

TEST_F(EncoderTest, DecodingGivesThePicturesBack) {
  ASSERT_TRUE(encode(file("a.mp4"), kFrames).has_value());
  const auto pictures = wan::testing::read_mp4(file("a.mp4")).pictures;
  ASSERT_EQ(pictures.size(), static_cast<size_t>(kFrames));
  double squares = 0;
  size_t count = 0;
  for (int frame = 0; frame < kFrames; ++frame) {
    const auto expected = picture(frame);
    ASSERT_EQ(pictures[frame].rgb.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i, ++count) {
      const double difference = static_cast<double>(pictures[frame].rgb[i]) - expected[i];
      squares += difference * difference;
    }
  }
  const double psnr = 10 * std::log10(255.0 * 255.0 / (squares / static_cast<double>(count)));
  EXPECT_GT(psnr, 32);  // chroma at half resolution costs most of it, at the square's edges
}

TEST_F(EncoderTest, TheSameFramesGiveTheSameBytesWithoutATraceOfTheEncoder) {
  ASSERT_TRUE(encode(file("a.mp4"), kFrames).has_value());
  ASSERT_TRUE(encode(file("b.mp4"), kFrames).has_value());
  EXPECT_EQ(*sha256_file_digest(file("a.mp4")), *sha256_file_digest(file("b.mp4")));
  const std::string bytes = *read_file(file("a.mp4"));
  for (const char* trace : {"x264", "Lavf", "Lavc", "options:"})
    EXPECT_EQ(bytes.find(trace), std::string::npos) << trace;
}

TEST_F(EncoderTest, TheIndexIsBeforeTheData) {
  ASSERT_TRUE(encode(file("a.mp4"), kFrames).has_value());
  const std::string bytes = *read_file(file("a.mp4"));
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
}

TEST_F(EncoderTest, AShortInputLeavesNoFile) {
  const auto status = encode(file("a.mp4"), kFrames - 1);
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, HasSubstr("ended in frame 9 of 9"));
  EXPECT_EQ(files(), 0);
}

TEST_F(EncoderTest, AnUnfinishedEncoderLeavesNoFile) {
  {
    auto encoder = VideoEncoder::start(program(), kSettings, file("a.mp4"));
    ASSERT_TRUE(encoder.has_value());
    const auto rgb = picture(0);
    ASSERT_TRUE((*encoder)->write(std::as_bytes(std::span(rgb))).has_value());
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(EncoderTest, AFolderThatIsNotThereIsAnErrorThatNamesIt) {
  const auto status = encode(file("missing/a.mp4"), kFrames);
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, HasSubstr("missing"));
}

TEST_F(EncoderTest, AProgramThatDiesIsAnErrorAndNotASignal) {
  auto encoder = VideoEncoder::start("/bin/false", kSettings, file("a.mp4"));
  ASSERT_TRUE(encoder.has_value());
  Status status;
  for (int i = 0; i < 1000 && status; ++i) {
    const auto rgb = picture(0);
    status = (*encoder)->write(std::as_bytes(std::span(rgb)));
  }
  EXPECT_FALSE(status.has_value());
}

TEST(FindMediaProgram, SaysWhereItLooked) {
  const auto found = find_media_program("/nowhere/wan-media");
  ASSERT_FALSE(found.has_value());
  EXPECT_THAT(found.error().message, HasSubstr("/nowhere/wan-media"));
}

}  // namespace
}  // namespace wan::media
