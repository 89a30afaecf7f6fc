// The built-in image-to-video model end to end: the video starts with the given picture and moves as the
// prompt says.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "runtime/media/image_decoder.h"
#include "runtime/pipeline/generator.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/pipeline/moving_object.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::find_object;
using testing::Object;
using testing::Picture;
using testing::psnr;

fs::path models() { return testing::source_dir() / "runtime/models"; }
fs::path media_program() { return testing::program_dir() / "wan-media"; }

struct Motion {
  const char* prompt;
  int right, down;
};

void PrintTo(const Motion& motion, std::ostream* out) { *out << motion.prompt; }

class ImageToVideo : public ::testing::TestWithParam<Motion> {
 protected:
  // Loaded once for all tests of the suite.
  static Generator& generator() {
    static const auto loaded =
        load_generator(models() / "wan-tiny-i2v", {.device = "cpu", .media_program = media_program()}, {});
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
    return **loaded;
  }
  // All of the model's defaults; the exact frames.
  std::vector<Picture> generate(const std::string& prompt, std::shared_ptr<const InputImage> image) {
    GenerationSpec spec;
    spec.prompt = prompt;
    spec.seed = 0;
    spec.image = std::move(image);
    const auto what = resolve(spec, generator().info().defaults, "default", "test");
    EXPECT_TRUE(what.has_value()) << what.error().message;
    const auto result = generator().generate(*what, folder_.path() / "frames/", {}, stop_);
    EXPECT_TRUE(result.has_value()) << result.error().message;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "frames")) files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<Picture> pictures;
    for (const fs::path& file : files) {
      const auto frame = media::decode_image_file(media_program(), file);
      pictures.push_back({frame->width, frame->height, frame->rgb});
    }
    return pictures;
  }

  wan::testing::TemporaryFolder folder_;
  std::atomic<bool> stop_ = false;
};

TEST_P(ImageToVideo, StartsWithTheImageAndMovesAsThePromptSays) {
  const auto image = read_input_image(models() / "wan-tiny-i2v-example.png", media_program());
  ASSERT_TRUE(image.has_value()) << image.error().message;
  const auto pictures = generate(GetParam().prompt, *image);
  ASSERT_EQ(pictures.size(), 17u);
  ASSERT_EQ(pictures[0].rgb.size(), (*image)->rgb.size());
  const double likeness = psnr(pictures[0].rgb, (*image)->rgb);
  const Object first = find_object(pictures.front()), last = find_object(pictures.back());
  const double right = last.x - first.x, down = last.y - first.y;
  std::printf("           first frame %.1f dB, right %+.2f down %+.2f\n", likeness, right, down);
  EXPECT_GT(likeness, 28);
  EXPECT_GT(right * GetParam().right + down * GetParam().down, 0.2);
}

INSTANTIATE_TEST_SUITE_P(WanTinyI2v, ImageToVideo,
                         ::testing::Values(Motion{"a red ball moves to the right on a blue background", 1, 0},
                                           Motion{"a red ball moves to the left on a blue background", -1, 0},
                                           Motion{"a red ball moves up on a blue background", 0, -1}));

}  // namespace
}  // namespace wan::pipeline
