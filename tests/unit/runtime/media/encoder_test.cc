// The real wan-media process, its files looked at with ffprobe and ffmpeg where the machine has them.

#include "runtime/media/encoder.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "base/json/json.h"
#include "tests/unit/base/temporary_folder.h"

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

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return text;
  std::vector<char> buffer(65536);
  while (const size_t got = ::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), got);
  ::pclose(pipe);
  return text;
}

bool has(const std::string& program) { return !output_of("command -v " + program).empty(); }

class EncoderTest : public ::testing::Test {
 protected:
  fs::path program() const { return fs::path(WAN_BINARY_DIR) / "wan-media"; }
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

TEST_F(EncoderTest, WritesAnMp4ThatProgramsDescribeAsBt709LimitedRange) {
  ASSERT_TRUE(encode(file("a.mp4"), kFrames).has_value());
  if (!has("ffprobe")) GTEST_SKIP() << "no ffprobe";
  const auto json = parse_json(
      output_of("ffprobe -v error -count_frames -show_streams -of json " + file("a.mp4").string()));
  ASSERT_TRUE(json.has_value());
  const Json& stream = (*json)["streams"][0];
  EXPECT_EQ(stream["codec_name"], "h264");
  EXPECT_EQ(stream["width"], kWidth);
  EXPECT_EQ(stream["height"], kHeight);
  EXPECT_EQ(stream["pix_fmt"], "yuv420p");
  EXPECT_EQ(stream["color_range"], "tv");
  EXPECT_EQ(stream["color_space"], "bt709");
  EXPECT_EQ(stream["color_transfer"], "bt709");
  EXPECT_EQ(stream["color_primaries"], "bt709");
  EXPECT_EQ(stream["avg_frame_rate"], "16/1");
  EXPECT_EQ(stream["nb_read_frames"], std::to_string(kFrames));
}

TEST_F(EncoderTest, DecodingGivesThePicturesBack) {
  ASSERT_TRUE(encode(file("a.mp4"), kFrames).has_value());
  if (!has("ffmpeg")) GTEST_SKIP() << "no ffmpeg";
  const std::string raw =
      output_of("ffmpeg -v error -i " + file("a.mp4").string() + " -f rawvideo -pix_fmt rgb24 -");
  ASSERT_EQ(raw.size(), static_cast<size_t>(kFrames) * kWidth * kHeight * 3);
  double squares = 0;
  for (int frame = 0; frame < kFrames; ++frame) {
    const auto expected = picture(frame);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double difference =
          static_cast<double>(static_cast<uint8_t>(raw[frame * expected.size() + i])) - expected[i];
      squares += difference * difference;
    }
  }
  const double psnr = 10 * std::log10(255.0 * 255.0 / (squares / static_cast<double>(raw.size())));
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
