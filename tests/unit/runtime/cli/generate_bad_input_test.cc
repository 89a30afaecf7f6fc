// Whatever is wrong: one line that helps, an exit code, and no file where the video would be.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/unit/runtime/cli/generate_program.h"
#include "tests/unit/runtime/media/png_bomb.h"

namespace wan::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(GenerateProgram, BadInputIsExitCodeTwoWithAMessageThatHelps) {
  const std::pair<std::string, std::string> cases[] = {
      {"--prompt x --frames 6", "frames: 6 is not allowed; it must be 4n+1"},
      {"--prompt x --sampler heun", "allowed: unipc"},
      {"", "prompt: missing; say what the video shows"},
      {"--prompt x --model nosuch", "model 'nosuch': not found"},
      {"--prompt x --image a.png", "--image: model wan-tiny makes videos from text alone"},
      {"--prompt x --steps many", "--steps: 'many' is not allowed; it must be a whole number"},
      {"--prompt x --frames 99999999999",
       "--frames: '99999999999' is not allowed; it must be a whole number"},
      {"--prompt x --guidance-scale high", "--guidance-scale: 'high' is not allowed; it must be a number"},
      {"--no-such-flag", "--no-such-flag"},
      {"-f missing.yaml", "missing.yaml"},
      {"--prompt x -o missing/a.mp4", "missing does not exist"},
      {"--prompt x -o a.avi", "ends in .avi; allowed: .mp4, .webm, .gif, .png"},
      {"--prompt x -o a.png", "a.png holds one picture and the video has 17 frames"},
      {"--prompt x --device gpu", "allowed: auto, cpu, cuda"},
      {"--prompt x --size 0x0", "size: '0x0' is not allowed"},
      {"--prompt x --size 17x13", "multiples of 16"},
      {"--prompt x --frames 1000000000", "frames: 1000000000 is not allowed"},
      {"--prompt x --steps 0", "steps: 0 is not allowed"},
      {"--prompt x --guidance-scale=-1", "guidanceScale: -1 is not allowed"},
      {"--prompt x --guidance-scale nan", "guidanceScale: nan is not allowed"},
      {"--prompt \"$(printf '\\377')\"", "prompt: the text is not UTF-8"},
      {"--prompt \"$(head -c 100000 /dev/zero | tr '\\0' x)\"", "a text of 100000 characters"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments << "\n" << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(message)) << arguments;
    EXPECT_EQ(std::ranges::count(outcome.text, '\n'), 1) << outcome.text;
    EXPECT_FALSE(fs::exists(file("video.mp4"))) << arguments;
  }
}

TEST_F(GenerateProgram, BrokenWeightsAreOneErrorThatNamesTheFile) {
  fs::copy(testing::source_dir() / "runtime/models/wan-tiny", file("model"), fs::copy_options::recursive);
  const fs::path weights = file("model/transformer/diffusion_pytorch_model.safetensors");
  const std::string whole = *read_file(weights);
  std::string huge_header = whole;
  huge_header.replace(0, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
  const std::string broken[] = {whole.substr(0, whole.size() / 2), whole.substr(0, 5), huge_header};
  for (const std::string& bytes : broken) {
    ASSERT_TRUE(write_file_atomically(weights, bytes).has_value());
    const Outcome outcome = run("--prompt x --model model -o a.mp4" + std::string(kQuick));
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("diffusion_pytorch_model.safetensors"));
    EXPECT_FALSE(fs::exists(file("a.mp4")));
  }
}

// Runs generate with its output in a file system of its own, `small`, mounted with `options`. Whoever may not
// mount one cannot see this.
class SmallDisk : public GenerateProgram {
 protected:
  void SetUp() override {
    if (std::system(in_namespace("mkdir probe && mount -t tmpfs none probe 2>/dev/null").c_str()) != 0) {
      GTEST_SKIP() << "no mount namespace of one's own here";
    }
  }
  Outcome run_on(const std::string& options, const std::string& arguments) {
    const std::string generate = program().string() + " generate --prompt x --seed 1 " + arguments;
    EXPECT_EQ(std::system(in_namespace("mkdir small && mount -t tmpfs -o " + options + " none small && " +
                                       generate + " > log 2>&1; echo $? > code; ls -A small > left")
                              .c_str()),
              0);
    return {std::stoi(*read_file(file("code"))), *read_file(file("log"))};
  }
  // What is on it afterwards.
  [[nodiscard]] std::string left() const { return *read_file(file("left")); }

 private:
  [[nodiscard]] std::string in_namespace(const std::string& script) const {
    return "cd " + folder_.path().string() + " && unshare --mount --map-root-user sh -c '" + script + "'";
  }
};

TEST_F(SmallDisk, AFullOneIsAnErrorThatNamesTheOutputAndLeavesNoFile) {
  const Outcome outcome = run_on("size=8k", "-o small/a.mp4 --steps 1 --frames 17 --size 96x96");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("output small/a.mp4: writing "), HasSubstr(": No space left")));
  EXPECT_EQ(left(), "");
}

TEST_F(SmallDisk, AFullOneEndsAFolderOfPicturesToo) {
  const Outcome outcome = run_on("size=40k", "-o small/frames/ --steps 1 --frames 17 --size 96x96");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("output small/frames/: "), HasSubstr("No space left")));
  EXPECT_EQ(left(), "");
}

TEST_F(SmallDisk, AReadOnlyOneIsSaidBeforeAnythingIsLoaded) {
  const Outcome outcome = run_on("ro", "-o small/a.mp4");
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text,
              HasSubstr("output: the folder small cannot be written to (Read-only file system); name"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("memory:")));
}

TEST_F(SmallDisk, OneWithoutRoomForACheckpointEndsTheGeneration) {
  const Outcome outcome = run_on("size=8k", "-o a.mp4 --checkpoint small --checkpoint-every 1 --steps 3");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("checkpoint: "), HasSubstr("No space left")));
  EXPECT_FALSE(fs::exists(file("a.mp4")));
}

TEST_F(GenerateProgram, ALimitOfTheFileSizeIsAnErrorAndLeavesNoFile) {
  const Outcome outcome = run("--prompt x -o a.mp4 --steps 1 --frames 17 --size 96x96", "ulimit -f 4 &&");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("output a.mp4: writing "), HasSubstr(": File too large")));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

// In the official layout: the text encoder is a .pth, which other programs would run.
TEST_F(GenerateProgram, APickleThatWouldRunSomethingIsRefusedByName) {
  const fs::path golden = testing::source_dir() / "tests/golden/data";
  fs::copy(golden / "pipeline_t2v/official", file("model"), fs::copy_options::recursive);
  for (const auto& entry : fs::directory_iterator(file("model"))) {
    if (entry.path().filename().string().starts_with("Wan2.1_VAE")) fs::remove(entry.path());
  }
  fs::copy_file(golden / "pth/evil.pth", file("model/Wan2.1_VAE.pth"));
  const Outcome outcome = run("--prompt x --model model -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("Wan2.1_VAE.pth: the pickle names the global posix.system"));
  EXPECT_FALSE(fs::exists(file("a.mp4")));
}

TEST_F(GenerateProgram, AnImageThatIsMissingOrNoneIsRefusedByName) {
  const fs::path golden = testing::source_dir() / "tests/golden/data/pipeline_i2v";
  const std::string model = "--prompt 'two dogs' --model " + (golden / "diffusers").string();
  const Outcome missing = run(model);
  EXPECT_EQ(missing.code, 2) << missing.text;
  EXPECT_THAT(missing.text, HasSubstr("--image: missing; model"));
  write("list.m3u8", "#EXTM3U\nhttp://localhost/secret\n");
  const fs::path picture = testing::source_dir() / "tests/unit/runtime/media/images/rgb.png";
  write("bomb.png", testing::png_bomb(*read_file(picture), 60000, 60000));
  for (const auto& [name, why] : {std::pair{"list.m3u8", "a playlist; allowed: PNG"},
                                  {"bomb.png", "60000 x 60000 pixels; allowed: at most"},
                                  {"none.png", "none.png"}}) {
    const Outcome refused = run(model + " --image " + name + " -o a.mp4");
    EXPECT_EQ(refused.code, 2) << refused.text;
    EXPECT_THAT(refused.text, AllOf(HasSubstr("image"), HasSubstr(why)));
    EXPECT_EQ(std::ranges::count(refused.text, '\n'), 1) << refused.text;
    EXPECT_FALSE(fs::exists(file("a.mp4")));
  }
}

}  // namespace
}  // namespace wan::cli
