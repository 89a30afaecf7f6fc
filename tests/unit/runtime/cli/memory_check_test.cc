#include "runtime/cli/memory_check.h"

#include <gmock/gmock.h>

namespace wan::cli {
namespace {

constexpr int64_t kGB = 1'000'000'000;
using ::testing::HasSubstr;
using ::testing::Not;

pipeline::MemoryNeed need_with(int64_t host_bytes) {
  const std::vector<pipeline::PhaseMemory> phases = {
      {"TextEncode", 11 * kGB, kGB, 12 * kGB, kGB, 40 * kGB},
      {"Denoise", 28 * kGB, 9 * kGB, 37 * kGB, 9 * kGB, 37 * kGB},
      {"Decode", kGB / 2, 2 * kGB, 5 * kGB / 2, 2 * kGB, 5 * kGB / 2}};
  return {
      .size = {1280, 720, 81, "bf16", phases}, .on_gpu = false, .host_bytes = host_bytes, .device_bytes = {}};
}

pipeline::MemoryNeed on_gpu_with(std::optional<int64_t> device_bytes) {
  pipeline::MemoryNeed need = need_with(8 * kGB);
  need.on_gpu = true;
  need.device_bytes = device_bytes;
  return need;
}

TEST(MemoryText, GivesEachPhase) {
  EXPECT_EQ(memory_text(need_with(64 * kGB)),
            "memory: TextEncode 12.00 GB, Denoise 37.00 GB, Decode 2.50 GB");
}

TEST(MemoryText, GivesBothOfGpuAndHost) {
  EXPECT_EQ(memory_text(on_gpu_with(80 * kGB)),
            "memory on the GPU: TextEncode 40.00 GB, Denoise 37.00 GB, Decode 2.50 GB; on the host: 0.15 GB");
}

TEST(MemoryText, SaysWhatReadingTheWeightsAgainCostsWhereTheyDoNotFit) {
  const std::string text = memory_text(need_with(24 * kGB));
  EXPECT_THAT(text, HasSubstr("this machine has 24.00 GB: in Denoise every forward reads 28.00 GB of weights "
                              "from the disk again, about 28 s at 1 GB/s"));
  EXPECT_THAT(text, Not(HasSubstr("in TextEncode every")));
}

TEST(CheckMemory, RefusesOnlyWhatCannotBeReadAgain) {
  EXPECT_TRUE(check_memory(need_with(10 * kGB)));
  const auto refused = check_memory(need_with(8 * kGB));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(
      refused.error().message,
      HasSubstr("Denoise of 1280x720 with 81 frames needs 9.00 GB besides the weights in the files, and "
                "this machine has 8.00 GB"));
}

TEST(CheckMemory, AGpuMustHoldEverythingThatIsLoaded) {
  EXPECT_TRUE(check_memory(on_gpu_with(48 * kGB)));
  EXPECT_TRUE(check_memory(on_gpu_with({})));
  const auto refused = check_memory(on_gpu_with(24 * kGB));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("TextEncode of 1280x720 with 81 frames needs 40.00 GB on the GPU, "
                        "and it has 24.00 GB (--device cpu needs none of it)"));
}

}  // namespace
}  // namespace wan::cli
