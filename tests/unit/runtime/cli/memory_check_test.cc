#include "runtime/cli/memory_check.h"

#include <gmock/gmock.h>

namespace wan::cli {
namespace {

constexpr int64_t kGB = 1'000'000'000;
using ::testing::HasSubstr;

pipeline::SizeNeed need() {
  return {.width = 1280,
          .height = 720,
          .frames = 81,
          .precision = "bf16",
          .phases = {
              {"TextEncode", 11 * kGB, kGB}, {"Denoise", 28 * kGB, 9 * kGB}, {"Decode", kGB / 2, 2 * kGB}}};
}

TEST(MemoryText, GivesEachPhase) {
  EXPECT_EQ(memory_text(need(), 64 * kGB), "memory: TextEncode 12.00 GB, Denoise 37.00 GB, Decode 2.50 GB");
}

TEST(MemoryText, SaysWhatReadingTheWeightsAgainCostsWhereTheyDoNotFit) {
  EXPECT_THAT(
      memory_text(need(), 24 * kGB),
      HasSubstr("this machine has 24.00 GB: in Denoise every forward reads 28.00 GB of weights from the disk "
                "again, about 28 s at 1 GB/s"));
}

TEST(CheckMemory, RefusesOnlyActivationsThatCanNeverFit) {
  EXPECT_TRUE(check_memory(need(), 10 * kGB));
  const auto refused = check_memory(need(), 8 * kGB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("Denoise of 1280x720 with 81 frames needs 9.00 GB"));
}

TEST(HostMemory, IsThatOfARealMachine) { EXPECT_GT(host_memory(), 100'000'000); }

}  // namespace
}  // namespace wan::cli
