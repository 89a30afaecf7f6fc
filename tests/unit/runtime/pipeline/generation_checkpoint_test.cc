#include "runtime/pipeline/generation_checkpoint.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <filesystem>
#include <gmock/gmock.h>

#include "tests/unit/base/temporary_folder.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

GenerationCheckpoint at_step(int step) {
  const at::Tensor tensor = at::full({2, 3}, step, at::TensorOptions(at::kFloat));
  return {tensor, {step, {{"last", tensor}}}};
}

class CheckpointFolderTest : public ::testing::Test {
 protected:
  CheckpointFolder open(int steps = 20) const {
    return *CheckpointFolder::open(folder_.path(), {{"prompt", "a red ball"}, {"steps", steps}});
  }
  fs::path only_file(const std::string& extension) const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (entry.path().extension() == extension) return entry.path();
    }
    return {};
  }

  wan::testing::TemporaryFolder folder_;
};

TEST_F(CheckpointFolderTest, GivesTheNewestStepAndKeepsNoOlderOne) {
  EXPECT_FALSE(open().newest().has_value());
  ASSERT_TRUE(open().save(at_step(4)));
  ASSERT_TRUE(open().save(at_step(8)));
  const auto newest = open().newest();
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->sampler.steps_done, 8);
  EXPECT_TRUE(at::equal(newest->latents, at_step(8).latents));
  EXPECT_TRUE(at::equal(newest->sampler.tensors.at("last"), at_step(8).latents));
  EXPECT_THAT(only_file(".json").filename(), "step-8.json");
}

TEST_F(CheckpointFolderTest, PassesOverOneThatWasCutOffChangedOrNeverFinished) {
  ASSERT_TRUE(open().save(at_step(4)));
  const fs::path tensors = only_file(".safetensors");
  fs::resize_file(tensors, fs::file_size(tensors) - 1);
  EXPECT_FALSE(open().newest().has_value());
  ASSERT_TRUE(open().save(at_step(4)));
  EXPECT_TRUE(open().newest().has_value());
  fs::remove(only_file(".json"));
  EXPECT_FALSE(open().newest().has_value());
}

TEST_F(CheckpointFolderTest, KnowsThoseOfOtherInputsAndTellsTheDifference) {
  ASSERT_TRUE(open(20).save(at_step(4)));
  EXPECT_FALSE(open(30).newest().has_value());
  EXPECT_EQ(open(30).others(), "steps is 20 there and 30 here");
  EXPECT_EQ(open(20).others(), "");
}

TEST_F(CheckpointFolderTest, LeavesNothingOfAFinishedGeneration) {
  ASSERT_TRUE(open().save(at_step(4)));
  open().remove();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

}  // namespace
}  // namespace wan::pipeline
