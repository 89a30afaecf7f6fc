#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/crypto/sha256.h"
#include "base/json/json.h"
#include "runtime/device/kernels.h"
#include "runtime/gallery/import.h"
#include "tests/unit/runtime/cli/generate_program.h"

namespace wan::cli {
namespace {

using ::testing::HasSubstr;

TEST_F(GenerateProgram, MakesAVideoFromFlagsWithTheBuiltInModel) {
  const Outcome outcome = run("--prompt 'a red ball' -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("denoise"));
  EXPECT_THAT(outcome.text, HasSubstr("64x64, 5 frames at 16 fps, seed 1"));
  EXPECT_THAT(outcome.text, HasSubstr(*sha256_file_digest(file("a.mp4"))));
}

TEST_F(GenerateProgram, FlagsWinOverTheManifest) {
  write("job.yaml",
        "apiVersion: wan.gallery/v1alpha1\nkind: VideoJob\nmetadata: {name: job}\nspec:\n  deploymentRef: "
        "{name: wan-tiny}\n"
        "  prompt: a red ball\n  steps: 2\n  frames: 9\n  size: 64x64\n  output: {pvc: {claimName: videos, "
        "path: sub/b.mp4}}\n");
  const Outcome outcome = run("-f job.yaml --frames 5 --output-dir out --json");
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  std::vector<std::string> types;
  Json result, resolved, denoised;
  std::istringstream lines(outcome.text);
  for (std::string line; std::getline(lines, line);) {
    const auto event = parse_json(line);
    ASSERT_TRUE(event.has_value()) << line;
    const std::string type = string_or(*event, {"type"}, "");
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type == "RESULT") result = (*event)["result"];
    if (type == "RESOLVED") resolved = (*event)["resolved"];
    if (string_or(*event, {"progress", "phase"}, "") == "Denoise") denoised = (*event)["progress"];
  }
  EXPECT_THAT(types, ::testing::ElementsAre("NOTICE", "PROGRESS", "RESOLVED", "PROGRESS", "RESULT"));
  EXPECT_EQ(int_or(resolved, {"frames"}, 0), 5);
  EXPECT_EQ(int_or(resolved, {"steps"}, 0), 2);
  EXPECT_EQ(string_or(result, {"sha256"}, ""), *sha256_file_digest(file("out/sub/b.mp4")));
  // The last step is done; the decoding, of which nothing has been timed yet, is still ahead.
  EXPECT_EQ(int_or(denoised, {"step"}, 0), 2);
  EXPECT_GT(int_or(denoised, {"secondsLeft"}, 0), 0);
}

TEST_F(GenerateProgram, AnEmptyPromptIsAPrompt) {
  const Outcome outcome = run("--prompt '' -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(GenerateProgram, AnImageToVideoModelStartsFromTheImage) {
  const fs::path golden = testing::source_dir() / "tests/golden/data/pipeline_i2v";
  const std::string model = "--prompt 'two dogs' --model " + (golden / "diffusers").string();
  const std::string image = " --image " + (golden / "image_unipc_9f.png").string();
  const Outcome outcome = run(model + image + " --size 48x32 --frames 5 --steps 2 --seed 1 -o a.mp4");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("encode image"));
  EXPECT_THAT(outcome.text, HasSubstr("48x16, 5 frames at 16 fps, seed 1"));
}

TEST_F(GenerateProgram, FindsAModelByItsNameInTheStore) {
  const SystemClock clock;
  const auto silent = [&](int64_t bytes) {
    return gallery::Meter("import", bytes, gallery::MeterStyle::kSilent, clock, [](const std::string&) {});
  };
  const fs::path tiny = testing::source_dir() / "runtime/models/wan-tiny";
  const auto imported = gallery::import_model(tiny, file("store"), "my-model", silent);
  ASSERT_TRUE(imported.has_value()) << imported.error().message;
  const std::string environment =
      "WAN_STORE=" + file("store").string() + " XDG_CACHE_HOME=" + file("cache").string();
  const Outcome outcome =
      run("--model my-model --prompt 'a red ball' -o a.mp4 --json" + std::string(kQuick), environment);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr(imported->digest));
  const Outcome missing = run("--model other --prompt x", environment);
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.text, HasSubstr("model 'other': not found; looked in the store"));
}

TEST_F(GenerateProgram, HelpShowsExamplesAndExitCodes) {
  const Outcome outcome = run("--help");
  EXPECT_EQ(outcome.code, 0);
  for (const char* part : {"--guidance-scale", "Examples:", "Exit codes:", "130 interrupted"}) {
    EXPECT_THAT(outcome.text, HasSubstr(part));
  }
}

// One F32 tensor of zeros.
std::string zeros_safetensors(const std::string& shape, size_t elements) {
  const std::string header = R"({"noise":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[0,)" +
                             std::to_string(4 * elements) + "]}}";
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  return length + header + std::string(4 * elements, '\0');
}

TEST_F(GenerateProgram, StartsFromTheNoiseOfAFile) {
  write("noise.safetensors", zeros_safetensors("16,2,8,8", 16 * 2 * 8 * 8));
  EXPECT_EQ(run("--prompt x -o seed.mp4" + std::string(kQuick)).code, 0);
  const Outcome given = run("--prompt x -o noise.mp4 --noise noise.safetensors" + std::string(kQuick));
  EXPECT_EQ(given.code, 0) << given.text;
  EXPECT_NE(*sha256_file_digest(file("seed.mp4")), *sha256_file_digest(file("noise.mp4")));
  const Outcome misshapen =
      run("--prompt x -o a.mp4 --noise noise.safetensors --steps 2 --frames 9 --size 64x64");
  EXPECT_EQ(misshapen.code, 2) << misshapen.text;
  EXPECT_THAT(misshapen.text,
              HasSubstr("shape [16, 2, 8, 8]; this size and number of frames need one F32 tensor of "
                        "shape [16, 3, 8, 8]"));
}

TEST_F(GenerateProgram, ComputesInThePrecisionThatIsAskedFor) {
  const Outcome bf16 = run("--prompt x --precision bf16 --json -o a.mp4" + std::string(kQuick));
  EXPECT_EQ(bf16.code, 0) << bf16.text;
  EXPECT_THAT(bf16.text, HasSubstr(R"("precision":"bf16")"));
  write("job.yaml",
        "apiVersion: wan.gallery/v1alpha1\nkind: VideoJob\nmetadata: {name: a}\n"
        "spec: {model: {name: wan-tiny}, prompt: x, precision: bf16, output: {pvc: {claimName: c}}}\n");
  const Outcome manifest = run("-f job.yaml --json" + std::string(kQuick));
  EXPECT_THAT(manifest.text, HasSubstr(R"("precision":"bf16")"));
  const Outcome flag = run("-f job.yaml --precision fp32 --json" + std::string(kQuick));
  EXPECT_THAT(flag.text, HasSubstr(R"("precision":"fp32")"));
  const Outcome wrong = run("--prompt x --precision fp8 -o a.mp4");
  EXPECT_EQ(wrong.code, 2) << wrong.text;
  EXPECT_THAT(wrong.text, HasSubstr("precision: 'fp8' is not allowed; allowed: auto, fp32, bf16"));
}

TEST_F(GenerateProgram, TheWidthOfTheRegistersChangesNoBit) {
  if (device::kernel_set().registers != device::Registers::kAvx512)
    GTEST_SKIP() << "no registers of two widths";
  const std::string wide = "-o wide.mp4 --prompt x --precision fp32" + std::string(kQuick);
  const std::string narrow = "-o narrow.mp4 --prompt x --precision fp32" + std::string(kQuick);
  ASSERT_EQ(run(wide, "WAN_KERNELS=avx512").code, 0);
  ASSERT_EQ(run(narrow, "WAN_KERNELS=avx2").code, 0);
  EXPECT_EQ(*sha256_file_digest(file("wide.mp4")), *sha256_file_digest(file("narrow.mp4")));
}

TEST_F(GenerateProgram, KernelsThatThereAreNotAreRefused) {
  const Outcome wrong = run("--prompt x -o a.mp4", "WAN_KERNELS=neon");
  EXPECT_EQ(wrong.code, 2) << wrong.text;
  EXPECT_THAT(wrong.text, HasSubstr("WAN_KERNELS: 'neon' is not allowed; allowed: aten, avx2, avx512, amx"));
  EXPECT_FALSE(fs::exists(file("a.mp4")));
}

}  // namespace
}  // namespace wan::cli
