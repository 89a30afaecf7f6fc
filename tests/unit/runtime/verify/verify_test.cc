#include "runtime/verify/verify.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/cli/verify.h"
#include "runtime/verify/report.h"
#include "runtime/weights/safetensors.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"

namespace wan::verify {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

fs::path golden_data() { return testing::source_dir() / "tests/golden/data"; }

Result<Outcome> verify_only(const fs::path& directory, const std::string& only = "") {
  return verify(
      directory,
      {.only = only, .device = "cpu", .threads = 2, .media_program = testing::program_dir() / "wan-media"},
      {});
}

// Every folder of the goldens, with the number of comparisons that it must have at least.
struct Shipped {
  std::string folder;
  size_t rows;
};

class ShippedGolden : public ::testing::TestWithParam<Shipped> {};

TEST_P(ShippedGolden, EveryComparisonIsWithinItsTolerance) {
  const auto outcome = verify_only(golden_data(), GetParam().folder);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  ASSERT_EQ(outcome->folders.size(), 1u);
  const FolderResult& result = outcome->folders.front();
  std::cout << table_of(result);
  EXPECT_EQ(result.error, "");
  EXPECT_GE(result.rows.size(), GetParam().rows);
  for (const Row& row : result.rows) EXPECT_TRUE(row.pass) << row.name << " " << row.note;
}

INSTANTIATE_TEST_SUITE_P(All, ShippedGolden,
                         ::testing::Values(Shipped{"ops", 20}, Shipped{"clip", 1}, Shipped{"preprocess", 4},
                                           Shipped{"i2v_conditioning", 117}, Shipped{"vae", 9},
                                           Shipped{"text_clean", 578}, Shipped{"tokenizer", 1700},
                                           Shipped{"t5", 3}, Shipped{"dit_t2v_a", 10},
                                           Shipped{"dit_t2v_b", 4}, Shipped{"dit_i2v", 4},
                                           Shipped{"noise", 40}, Shipped{"keys", 6}, Shipped{"pth", 10},
                                           Shipped{"schedulers", 279}, Shipped{"pipeline_t2v", 60},
                                           Shipped{"pipeline_i2v", 50}),
                         [](const auto& test) { return test.param.folder; });

// A copy of some folders, to be spoiled.
class Copied : public ::testing::Test {
 protected:
  void copy(const std::string& folder, const std::string& as) {
    fs::copy(golden_data() / folder, directory_.path() / as, fs::copy_options::recursive);
  }
  [[nodiscard]] fs::path file(const std::string& path) const { return directory_.path() / path; }
  // Adds `by` to the first number of a float tensor.
  void change(const std::string& path, const std::string& tensor, float by) {
    std::string bytes = read_file(file(path)).value();
    const auto tensors = weights::parse_safetensors(std::as_bytes(std::span(bytes))).value();
    const auto* const at = tensors.at(tensor).bytes.data();
    const size_t offset = at - reinterpret_cast<const std::byte*>(bytes.data());
    float value = 0;
    std::memcpy(&value, at, sizeof value);
    value += by;
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    write(path, bytes);
  }
  void write(const std::string& path, const std::string& bytes) {
    std::ofstream(file(path), std::ios::binary) << bytes;
  }

  testing::TemporaryFolder directory_;
};

std::vector<std::string> failed_rows(const FolderResult& folder) {
  std::vector<std::string> names;
  for (const Row& row : folder.rows) {
    if (!row.pass) names.push_back(row.name);
  }
  return names;
}

TEST_F(Copied, OneChangedNumberFailsAndNamesItsTensor) {
  copy("t5", "t5");
  change("t5/data.safetensors", "output.row0", 0.01F);
  const auto outcome = verify_only(directory_.path());
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_FALSE(outcome->pass());
  EXPECT_EQ(failed_rows(outcome->folders.front()),
            (std::vector<std::string>{"output.row0, weights.safetensors", "output.row0, weights_bf16.pth"}));
  EXPECT_THAT(summary(*outcome), HasSubstr("failed: t5: output.row0, weights.safetensors;"));
}

TEST_F(Copied, AChangedWeightFailsToo) {
  copy("t5", "t5");
  change("t5/weights.safetensors", "blocks.0.attn.q.weight", 0.5F);
  const auto outcome = verify_only(directory_.path());
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_FALSE(outcome->pass());
}

TEST_F(Copied, OneChangedTextFailsAndShowsBoth) {
  copy("text_clean", "text_clean");
  write("text_clean/cases.json", R"([{"in": "schÃ¶n", "ftfy": "schön", "out": "schoen"}])");
  const auto outcome = verify_only(directory_.path());
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_EQ(failed_rows(outcome->folders.front()), std::vector<std::string>{"cases.json 0 out"});
  EXPECT_THAT(table_of(outcome->folders.front()), HasSubstr(R"("schön", golden has "schoen")"));
}

TEST_F(Copied, ATruncatedFileIsOneLineAndTheOtherFoldersGoOn) {
  copy("t5", "t5");
  copy("noise", "noise");
  const std::string bytes = read_file(file("t5/weights.safetensors")).value();
  write("t5/weights.safetensors", bytes.substr(0, bytes.size() / 2));
  const auto outcome = verify_only(directory_.path());
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  ASSERT_EQ(outcome->folders.size(), 2u);
  EXPECT_THAT(outcome->folders[0].error, HasSubstr("t5/weights.safetensors"));
  EXPECT_EQ(outcome->folders[0].error.find('\n'), std::string::npos);
  EXPECT_TRUE(outcome->folders[1].pass());
  EXPECT_FALSE(outcome->pass());
}

TEST_F(Copied, ATensorOrAFieldThatIsMissingIsNamed) {
  copy("noise", "t5");
  const auto missing_file = verify_only(directory_.path());
  EXPECT_THAT(missing_file->folders.front().error, HasSubstr("data.safetensors"));
  fs::remove_all(file("t5"));
  copy("t5", "t5");
  fs::copy_file(file("t5/weights.safetensors"), file("t5/data.safetensors"),
                fs::copy_options::overwrite_existing);
  const auto missing_tensor = verify_only(directory_.path());
  EXPECT_EQ(missing_tensor->folders.front().error, "data.safetensors has no tensor ids");
}

TEST_F(Copied, FoldersGoByTheirComponentsNameOthersAreNamedAndAbsentOnesToo) {
  copy("noise", "noise_of_another_day");
  fs::create_directory(file("noisy"));
  const auto outcome = verify_only(directory_.path(), "noise");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  ASSERT_EQ(outcome->folders.size(), 1u);
  EXPECT_EQ(outcome->folders.front().folder, "noise_of_another_day");
  EXPECT_TRUE(outcome->pass());
  EXPECT_EQ(outcome->unknown, std::vector<std::string>{"noisy"});
  EXPECT_THAT(outcome->absent, Contains("t5"));
}

// Any number of latent frames, not those alone that ship.
TEST_F(Copied, TheFirstFramesOfADecodedVideoMayBeAFileOfTheirOwn) {
  copy("vae", "vae");
  std::string bytes = read_file(file("vae/data.safetensors")).value();
  const size_t name = bytes.find("\"decode.T5.raw\"");
  ASSERT_NE(name, std::string::npos);
  bytes.replace(name, 15, "\"decode.T3.raw\"");  // of the same length; nine frames instead of 17 come out
  write("vae/data.safetensors", bytes);
  const auto outcome = verify_only(directory_.path());
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  const auto rows = outcome->folders.front().rows;
  const auto row = std::ranges::find(rows, "decode.T3.raw", &Row::name);
  ASSERT_NE(row, rows.end());
  EXPECT_EQ(row->note, "shape [3, 9, 32, 48], golden has [3, 17, 32, 48]");
}

TEST_F(Copied, ASingleFolderWillDo) {
  copy("noise", "noise");
  copy("text_clean", "text_clean");
  const auto outcome = verify_only(directory_.path() / "noise/");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  ASSERT_EQ(outcome->folders.size(), 1u);
  EXPECT_EQ(outcome->folders.front().folder, "noise");
  EXPECT_TRUE(outcome->pass());
}

TEST_F(Copied, NothingToCompareIsAnError) {
  EXPECT_THAT(verify_only(directory_.path()).error().message, HasSubstr("no folder of a known component"));
  EXPECT_THAT(verify_only(golden_data(), "t6").error().message, HasSubstr("component t6; known: "));
  EXPECT_THAT(verify_only(directory_.path() / "none").error().message,
              HasSubstr("No such file or directory"));
}

int run_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "wan-runtime verify");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return cli::run_verify(static_cast<int>(pointers.size()), pointers.data());
}

TEST_F(Copied, TheCommandSaysByItsExitCodeWhetherAllPassedAndWritesTheReport) {
  copy("noise", "noise");
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_command({directory_.path(), "--device", "cpu", "--report", file("report.txt")}), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("0 failed"));
  const std::string report = read_file(file("report.txt")).value();
  for (const char* part : {"numericsId", "cpuCapability", "torch", "threads", "noise"}) {
    EXPECT_THAT(report, HasSubstr(part));
  }
  change("noise/noise.safetensors", "seed0.2x3x4", 0.01F);
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_command({directory_.path(), "--device", "cpu", "-o", "json"}), 1);
  const auto json = parse_json(::testing::internal::GetCapturedStdout());
  ASSERT_TRUE(json.has_value()) << json.error().message;
  EXPECT_EQ((*json)["pass"], false);
}

}  // namespace
}  // namespace wan::verify
