// The built-in model end to end: prompt to mp4, and what the mp4 then shows.

#include "runtime/pipeline/generator.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto/sha256.h"
#include "runtime/media/image_decoder.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"
#include "tests/unit/runtime/media/read_mp4.h"
#include "tests/unit/runtime/pipeline/moving_object.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::background;
using testing::Colour;
using testing::distance;
using testing::find_object;
using ::testing::HasSubstr;
using testing::Object;

fs::path tiny() { return testing::source_dir() / "runtime/models/wan-tiny"; }

GeneratorSettings settings(int threads = 0) {
  return {.device = "cpu", .threads = threads, .media_program = testing::program_dir() / "wan-media"};
}

class GeneratorTest : public ::testing::Test {
 protected:
  // Loaded once for all tests of the suite.
  static Generator& generator() {
    static const auto loaded = load_generator(tiny(), settings(), {});
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
    return **loaded;
  }
  // All defaults but the steps: few are enough where nobody looks at the pictures.
  static ResolvedGeneration request(const std::string& prompt, int64_t seed = 0, int steps = 3) {
    GenerationSpec spec;
    spec.prompt = prompt;
    spec.seed = seed;
    spec.steps = steps;
    return *resolve(spec, generator().info().defaults, "default", "test");
  }
  fs::path file(const std::string& name) const { return folder_.path() / name; }
  Result<GenerationResult> generate(const ResolvedGeneration& what, const std::string& name) {
    return generator().generate(what, file(name), {}, stop_);
  }

  wan::testing::TemporaryFolder folder_;
  std::atomic<bool> stop_ = false;
};

struct Obedience {
  const char* prompt;
  Colour object, background;  // what the words mean
  int right, down;            // -1, 0, 1: where it goes
  int growth;                 // -1 shrinks, 1 grows, 0 keeps its size more or less
};

void PrintTo(const Obedience& expected, std::ostream* out) { *out << expected.prompt; }

constexpr Colour kRed = {0.9, 0.1, 0.1}, kGreen = {0.1, 0.7, 0.2}, kBlue = {0.1, 0.25, 0.85},
                 kOrange = {1, 0.55, 0.1}, kWhite = {0.95, 0.95, 0.95}, kBlack = {0.05, 0.05, 0.05},
                 kCyan = {0.1, 0.8, 0.85}, kPink = {1, 0.5, 0.7};

class PromptObeyed : public GeneratorTest, public ::testing::WithParamInterface<Obedience> {};

TEST_P(PromptObeyed, InColourBackgroundAndMotion) {
  const Obedience& expected = GetParam();
  const auto result = generate(request(expected.prompt, 0, 20), "video.mp4");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  const auto pictures = wan::testing::read_mp4(result->file).pictures;
  ASSERT_EQ(pictures.size(), 17u);
  const Object first = find_object(pictures.front()), last = find_object(pictures.back());
  const Object middle = find_object(pictures[8]);
  EXPECT_LT(distance(background(pictures[8]), expected.background), 0.35);
  EXPECT_LT(distance(middle.colour, expected.object), 0.45);
  const double right = last.x - first.x, down = last.y - first.y, growth = last.area / first.area;
  std::printf("           right %+.2f down %+.2f growth %.2f\n", right, down, growth);
  if (expected.right != 0) {
    EXPECT_GT(right * expected.right, 0.2);
  }
  if (expected.down != 0) {
    EXPECT_GT(down * expected.down, 0.2);
  }
  if (expected.right == 0 && expected.down == 0) {
    EXPECT_LT(std::abs(right), 0.15);
    EXPECT_LT(std::abs(down), 0.15);
  }
  if (expected.growth > 0) {
    EXPECT_GT(growth, 1.7);
  }
  if (expected.growth < 0) {
    EXPECT_LT(growth, 0.6);
  }
}

INSTANTIATE_TEST_SUITE_P(
    WanTiny, PromptObeyed,
    ::testing::Values(
        Obedience{"a red ball moves to the right on a blue background", kRed, kBlue, 1, 0, 0},
        Obedience{"an orange ring moves to the left on a cyan background", kOrange, kCyan, -1, 0, 0},
        Obedience{"a green square falls to the ground on a white background", kGreen, kWhite, 0, 1, 0},
        Obedience{"a pink heart grows on a black background", kPink, kBlack, 0, 0, 1},
        Obedience{"a black ball shrinks on an orange background", kBlack, kOrange, 0, 0, -1}));

TEST_F(GeneratorTest, TheSameRequestGivesTheSameBytes) {
  const auto one = generate(request("a red ball moves up on a white background", 7), "a.mp4");
  const auto two = generate(request("a red ball moves up on a white background", 7), "b.mp4");
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_EQ(one->sha256, two->sha256);
  EXPECT_EQ(one->frames_sha256, two->frames_sha256);
  EXPECT_EQ(one->sha256, *sha256_file_digest(file("a.mp4")));
  const auto other = generate(request("a red ball moves up on a white background", 8), "c.mp4");
  EXPECT_NE(other->frames_sha256, one->frames_sha256);
}

TEST_F(GeneratorTest, TheResultDescribesTheFile) {
  const auto result = generate(request("a red ball spins on a white background"), "a.mp4");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->bytes, static_cast<int64_t>(fs::file_size(file("a.mp4"))));
  EXPECT_EQ(result->width, 96);
  EXPECT_EQ(result->frames, 17);
  EXPECT_EQ(result->fps, 16);
  EXPECT_DOUBLE_EQ(result->duration_seconds, 17.0 / 16);
  EXPECT_EQ(result->model_digest, generator().info().digest);
  EXPECT_EQ(result->numerics_id, generator().numerics_id());
  EXPECT_TRUE(is_sha256_digest(result->numerics_id));
  EXPECT_GT(result->timings.denoise, 0);
}

TEST_F(GeneratorTest, ProgressNamesEveryPhaseInOrderAndNeverGoesBack) {
  std::vector<std::string> phases;
  double percent = 0;
  const ProgressSink sink = [&](const Progress& progress) {
    if (phases.empty() || phases.back() != progress.phase) phases.push_back(progress.phase);
    EXPECT_GE(progress.percent, percent) << progress.phase << " " << progress.done;
    percent = progress.percent;
  };
  ASSERT_TRUE(generator().generate(request("a red ball"), file("a.mp4"), sink, stop_).has_value());
  EXPECT_THAT(phases, ::testing::ElementsAre("TextEncode", "Denoise", "Decode", "Encode"));
  EXPECT_EQ(percent, 100);
}

TEST_F(GeneratorTest, AStopEndsItWithoutAFile) {
  for (const char* when : {"TextEncode", "Denoise", "Decode"}) {
    stop_ = false;
    const ProgressSink sink = [&](const Progress& progress) {
      if (progress.phase == when) stop_ = true;
    };
    const auto result = generator().generate(request("a red ball"), file("a.mp4"), sink, stop_);
    ASSERT_FALSE(result.has_value()) << when;
    EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
    EXPECT_TRUE(fs::is_empty(folder_.path())) << when;
  }
}

TEST_F(GeneratorTest, ForASingleUseTheEncodersAreFreedAndTheVideoIsTheSame) {
  GeneratorSettings once = settings();
  once.single_use = true;
  const auto loaded = load_generator(tiny(), once, {});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const auto first = (*loaded)->generate(request("a red ball"), file("a.mp4"), {}, stop_);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(first->sha256, generate(request("a red ball"), "b.mp4")->sha256);
  const auto second = (*loaded)->generate(request("a red ball"), file("c.mp4"), {}, stop_);
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message, HasSubstr("single generation; load it again"));
}

TEST_F(GeneratorTest, AFolderThatIsNotThereIsSaidBeforeAnyWork) {
  bool worked = false;
  const ProgressSink sink = [&](const Progress&) { worked = true; };
  const auto result = generator().generate(request("a red ball"), file("missing/a.mp4"), sink, stop_);
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message, HasSubstr("missing does not exist"));
  EXPECT_FALSE(worked);
}

TEST_F(GeneratorTest, TheProbeExercisesThePartsQuickly) {
  const auto result = generate(probe_generation(generator().info()), "probe.mp4");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->frames, 5);
}

TEST_F(GeneratorTest, OneFrameIsAVideoToo) {
  ResolvedGeneration one = request("a red ball");
  one.frames = 1;
  const auto result = generate(one, "a.mp4");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(wan::testing::read_mp4(file("a.mp4")).pictures.size(), 1u);
}

TEST_F(GeneratorTest, OneFrameIsARoundedPictureIfTheNameSaysSo) {
  ResolvedGeneration one = request("a red ball");
  one.frames = 1;
  const auto video = generate(one, "a.mp4"), picture = generate(one, "a.png");
  ASSERT_TRUE(video.has_value() && picture.has_value());
  EXPECT_EQ(picture->codec, "png");
  const auto image = media::decode_image_file(settings().media_program, file("a.png"));
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_EQ(picture->frames_sha256,
            sha256_digest({reinterpret_cast<const char*>(image->rgb.data()), image->rgb.size()}));
  EXPECT_NE(picture->frames_sha256, video->frames_sha256);  // cut there
}

TEST_F(GeneratorTest, EveryFormatHoldsTheSameFrames) {
  const auto what = request("a red ball");
  const auto mp4 = generate(what, "a.mp4"), webm = generate(what, "a.webm"),
             folder = generate(what, "frames/");
  ASSERT_TRUE(mp4.has_value() && webm.has_value() && folder.has_value());
  EXPECT_EQ(mp4->frames_sha256, webm->frames_sha256);
  EXPECT_EQ(mp4->frames_sha256, folder->frames_sha256);
  EXPECT_EQ(webm->codec, "vp9");
  EXPECT_EQ(mp4->numerics_id, generator().numerics_id());
  EXPECT_NE(webm->numerics_id, mp4->numerics_id);
  EXPECT_NE(folder->numerics_id, mp4->numerics_id);
  EXPECT_EQ(wan::testing::read_mp4(file("a.webm")).pictures.size(), static_cast<size_t>(what.frames));
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(file("frames")))
    bytes += static_cast<int64_t>(entry.file_size());
  EXPECT_EQ(folder->bytes, bytes);
}

TEST_F(GeneratorTest, AnUnknownEndingIsSaidBeforeAnyWork) {
  const auto result = generate(request("a red ball"), "a.avi");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(result.error().message, HasSubstr("ends in .avi; allowed: .mp4, .webm, .gif, .png"));
}

TEST_F(GeneratorTest, ImageToVideoIsRefusedByATextModel) {
  ResolvedGeneration image = request("a red ball");
  image.task = "image-to-video";
  EXPECT_THAT(generate(image, "a.mp4").error().message,
              HasSubstr("makes text-to-video; the request is image-to-video"));
}

TEST(LoadGenerator, SaysWhatIsWrongWithADirectory) {
  const wan::testing::TemporaryFolder folder;
  EXPECT_THAT(load_generator(folder.path() / "missing", settings(), {}).error().message,
              HasSubstr("no such directory"));
  EXPECT_THAT(load_generator(folder.path(), settings(), {}).error().message,
              HasSubstr("has no model_index.json"));
  fs::copy(tiny(), folder.path() / "model", fs::copy_options::recursive);
  fs::remove(folder.path() / "model/vae/diffusion_pytorch_model.safetensors");
  EXPECT_THAT(load_generator(folder.path() / "model", settings(), {}).error().message,
              HasSubstr("has none of diffusion_pytorch_model.safetensors"));
}

TEST(LoadGenerator, AStopEndsTheHashingAndTheLoading) {
  std::atomic<bool> stop = true;
  GeneratorSettings stopped = settings();
  stopped.stop = &stop;
  const auto at_once = load_generator(tiny(), stopped, {});
  ASSERT_FALSE(at_once.has_value());
  EXPECT_EQ(at_once.error().code, ErrorCode::kCancelled);
  stop = false;
  bool went_on = false;
  const ProgressSink after_the_tokenizer = [&](const Progress& progress) {
    went_on = went_on || stop;
    stop = progress.phase == "Load" && progress.done == 1;
  };
  EXPECT_FALSE(load_generator(tiny(), stopped, after_the_tokenizer).has_value());
  EXPECT_FALSE(went_on);
}

TEST(LoadGenerator, ThreadsArePartOfTheNumerics) {
  const auto one = load_generator(tiny(), settings(1), {}), two = load_generator(tiny(), settings(2), {});
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_NE((*one)->numerics_id(), (*two)->numerics_id());
}

}  // namespace
}  // namespace wan::pipeline
