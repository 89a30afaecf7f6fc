// The real wan-media process decodes; what must come out was written by Pillow (images/README.md).

#include "runtime/media/image_decoder.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "base/io/file.h"
#include "runtime/media/ppm.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/media/png_bomb.h"

namespace wan::media {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

fs::path program() { return testing::program_dir() / "wan-media"; }
fs::path images() { return testing::source_dir() / "tests/unit/runtime/media/images"; }

std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
std::vector<uint8_t> file_bytes(const std::string& name) { return bytes_of(*read_file(images() / name)); }

Image read_ppm(const std::string& name) {
  PpmReceiver receiver(1'000'000);
  EXPECT_TRUE(receiver.append(file_bytes(name)).has_value()) << name;
  return *receiver.finish();
}

class EveryKind : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryKind, DecodesToPillowsPixels) {
  const std::string name = GetParam();
  const auto image = decode_image_file(program(), images() / name);
  ASSERT_TRUE(image.has_value()) << image.error().message;
  const Image expected = read_ppm(name + ".ppm");
  EXPECT_EQ(image->width, expected.width);
  EXPECT_EQ(image->height, expected.height);
  EXPECT_EQ(image->rgb, expected.rgb);
}

INSTANTIATE_TEST_SUITE_P(ImageDecoder, EveryKind,
                         ::testing::Values("rgb.png", "alpha.png", "palette.png", "grey.png", "bilevel.png",
                                           "grey_alpha.png", "grey16.png", "interlaced.png", "photo.jpg",
                                           "halved.jpg", "progressive.jpg", "grey.jpg", "inks.jpg",
                                           "orientation2.jpg", "orientation3.jpg", "orientation4.jpg",
                                           "orientation5.jpg", "orientation6.jpg", "orientation7.jpg",
                                           "orientation8.jpg", "lossy.webp", "lossless.webp", "alpha.webp"));

struct Refused {
  std::string bytes, message;
};

class NoImage : public ::testing::TestWithParam<Refused> {};

TEST_P(NoImage, IsNamedTogetherWithWhatIsAllowed) {
  const auto image = decode_image(program(), bytes_of(GetParam().bytes));
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(image.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(image.error().message, "image: " + GetParam().message + "; allowed: PNG, JPEG or WebP");
}

INSTANTIATE_TEST_SUITE_P(ImageDecoder, NoImage,
                         ::testing::Values(Refused{"", "empty"}, Refused{"a red ball\n", "a text file"},
                                           Refused{"#EXTM3U\nfile:///etc/passwd\n", "a playlist"},
                                           Refused{"ffconcat version 1.0\nfile /etc/passwd\n", "a playlist"},
                                           Refused{"\n<!DOCTYPE html><html></html>", "an HTML page"},
                                           Refused{"<?xml version=\"1.0\"?>\n<svg xmlns=\"\"/>", "an SVG"},
                                           Refused{"GIF89a\1\0\1\0"s, "a GIF"},
                                           Refused{"II*\0\10\0\0\0"s, "a TIFF"},
                                           Refused{"\0\0\0\x18"s + "ftypheic", "a HEIC image"},
                                           Refused{"\0\0\0\x18"s + "ftypisom", "an mp4 or QuickTime file"},
                                           Refused{"BM\0\0\0\0"s, "a BMP"},
                                           Refused{"RIFF\0\0\0\0WAVE"s, "a RIFF file that is no WebP"},
                                           Refused{"\0\0\0\0\0\0"s, "no image format known here"}));

// Every prefix must end in an error of one line: no crash, no half picture.
TEST(ImageDecoder, TruncatedFilesAreRefused) {
  for (const char* name : {"rgb.png", "interlaced.png", "photo.jpg", "progressive.jpg", "lossy.webp"}) {
    const auto bytes = file_bytes(name);
    for (const size_t length : {size_t{16}, size_t{40}, bytes.size() / 2, bytes.size() - 20}) {
      const auto image = decode_image(program(), std::span(bytes).first(length));
      ASSERT_FALSE(image.has_value()) << name << " cut to " << length;
      EXPECT_EQ(image.error().code, ErrorCode::kInvalidArgument) << image.error().message;
      EXPECT_THAT(image.error().message, AllOf(StartsWith("image: a "), HasSubstr("cannot be read")));
      EXPECT_EQ(image.error().message.find('\n'), std::string::npos);
    }
  }
}

TEST(ImageDecoder, AnAnimationIsRefused) {
  const auto image = decode_image(program(), file_bytes("animation.webp"));
  ASSERT_FALSE(image.has_value());
  EXPECT_THAT(image.error().message, HasSubstr("animation"));
}

std::vector<uint8_t> png_bomb(uint32_t width, uint32_t height) {
  return bytes_of(testing::png_bomb(*read_file(images() / "rgb.png"), width, height));
}

TEST(ImageDecoder, ABombIsRefusedByItsHeader) {
  const auto image = decode_image(program(), png_bomb(65535, 65535));
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(image.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(image.error().message,
            "image: 65535 x 65535 pixels; allowed: at most 64000000 pixels; make it smaller");
}

TEST(ImageDecoder, LimitsAreTheCallers) {
  const auto png = file_bytes("rgb.png");
  EXPECT_TRUE(decode_image(program(), png, {.max_pixels = 23 * 14}).has_value());
  const auto pixels = decode_image(program(), png, {.max_pixels = 23 * 14 - 1});
  ASSERT_FALSE(pixels.has_value());
  EXPECT_THAT(pixels.error().message, HasSubstr("23 x 14 pixels; allowed: at most 321 pixels"));
  const auto bytes = decode_image(program(), png, {.max_bytes = png.size() - 1});
  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(bytes.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(bytes.error().message, HasSubstr(std::to_string(png.size()) + " bytes; allowed: at most"));
}

class ImageFile : public ::testing::Test {
 protected:
  fs::path path(const char* name) const { return folder_.path() / name; }
  // A program in the place of wan-media.
  fs::path script(const std::string& text) const {
    std::ofstream(path("program")) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(path("program"), fs::perms::owner_all);
    return path("program");
  }
  static std::string message(const fs::path& file, const ImageLimits& limits = {}) {
    const auto image = decode_image_file(program(), file, limits);
    return image ? "decoded" : image.error().message;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ImageFile, ErrorsNameTheFile) {
  std::ofstream(path("list.png")) << "#EXTM3U\n";
  EXPECT_EQ(message(path("list.png")),
            "image " + path("list.png").string() + ": a playlist; allowed: PNG, JPEG or WebP");
  EXPECT_THAT(message(path("none.png")), AllOf(HasSubstr("none.png"), HasSubstr("No such file")));
}

TEST_F(ImageFile, OnlyRegularFilesAreRead) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  for (const fs::path& file : {path("pipe"), folder_.path(), fs::path("/dev/zero")}) {
    EXPECT_THAT(message(file), HasSubstr("not a regular file")) << file;
  }
}

TEST_F(ImageFile, AGiantFileIsRefusedUnread) {
  std::ofstream(path("giant.png"));
  fs::resize_file(path("giant.png"), uintmax_t{1} << 40);
  EXPECT_THAT(message(path("giant.png")), HasSubstr("1099511627776 bytes; allowed: at most 33554432 bytes"));
}

TEST_F(ImageFile, ADecoderThatDoesNotAnswerIsEndedAtTheDeadline) {
  const std::vector<uint8_t> more_than_a_socket_holds(size_t{8} << 20);
  const auto image = decode_image(script("exec sleep 1000"), more_than_a_socket_holds,
                                  {.deadline = std::chrono::milliseconds(50)});
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(image.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(image.error().message, HasSubstr("longer than 50 ms"));
}

TEST_F(ImageFile, AnAnswerThatIsNoPictureIsAnError) {
  for (const char* answer :
       {"printf hello", "printf 'P6\\n2 2\\n255\\n123'", "printf 'P6\\n99999 99999\\n255\\n'",
        "printf 'P6\\n1 1\\n255\\n1234'", "head -c 100 /dev/zero", ":"}) {
    const auto image = decode_image(script("cat >/dev/null; "s + answer), bytes_of("x"));
    ASSERT_FALSE(image.has_value()) << answer;
    EXPECT_EQ(image.error().code, ErrorCode::kCorrupt) << answer << ": " << image.error().message;
  }
}

TEST_F(ImageFile, ADecoderThatDiesIsAnErrorWithItsSignal) {
  const auto image = decode_image(script("kill -SYS $$"), bytes_of("x"));
  ASSERT_FALSE(image.has_value());
  EXPECT_THAT(image.error().message, HasSubstr("ended by signal 31"));
}

}  // namespace
}  // namespace wan::media
