#include "runtime/device/precision.h"

#include <gmock/gmock.h>

namespace wan::device {
namespace {

constexpr int64_t kTiny = 2'000'000, kLarge = 1'400'000'000;
constexpr MachineClass kGpu = {.gpu = true}, kFastBf16 = {.fast_bf16 = true}, kPlainCpu = {};

TEST(ChoosePrecision, TakesWhatIsAskedForWhateverTheMachine) {
  for (const MachineClass& machine : {kGpu, kFastBf16, kPlainCpu}) {
    EXPECT_EQ(choose_precision("fp32", machine, kLarge), Precision::kFp32);
    EXPECT_EQ(choose_precision("bf16", machine, kTiny), Precision::kBf16);
  }
}

TEST(ChoosePrecision, ByItselfTakesBf16WhereTheMachineIsGoodAtIt) {
  EXPECT_EQ(choose_precision("auto", kGpu, kTiny), Precision::kBf16);
  EXPECT_EQ(choose_precision("auto", kFastBf16, kLarge), Precision::kBf16);
  EXPECT_EQ(choose_precision("auto", kPlainCpu, kLarge), Precision::kFp32);
}

TEST(ChoosePrecision, KeepsSmallModelsInFp32OnEveryCpu) {
  EXPECT_EQ(choose_precision("auto", kFastBf16, kTiny), Precision::kFp32);
}

TEST(ChoosePrecision, NamesTheAllowedValues) {
  const auto chosen = choose_precision("fp8", kGpu, kLarge);
  ASSERT_FALSE(chosen.has_value());
  EXPECT_THAT(chosen.error().message, ::testing::AllOf(::testing::HasSubstr("precision: 'fp8'"),
                                                       ::testing::HasSubstr("auto, fp32, bf16")));
}

}  // namespace
}  // namespace wan::device
