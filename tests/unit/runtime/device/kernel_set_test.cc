#include "runtime/device/kernel_set.h"

#include <gmock/gmock.h>

namespace wan::device {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr CpuFeatures kOld = {}, kAvx2 = {.avx2 = true}, kAvx512 = {.avx2 = true, .avx512 = true};
constexpr CpuFeatures kBf16 = {.avx2 = true, .avx512 = true, .avx512_bf16 = true};
constexpr CpuFeatures kAmx = {.avx2 = true, .avx512 = true, .avx512_bf16 = true, .amx_bf16 = true};

TEST(ChooseKernels, TakesTheWidestRegistersThereAre) {
  EXPECT_EQ(choose_kernels("", kOld), (KernelSet{Registers::kAten}));
  EXPECT_EQ(choose_kernels("", kAvx2), (KernelSet{Registers::kAvx2}));
  EXPECT_EQ(choose_kernels("", kAvx512), (KernelSet{Registers::kAvx512}));
}

TEST(ChooseKernels, MultipliesInBf16ByTheMatrixUnitWhereThereIsOne) {
  EXPECT_EQ(choose_kernels("", kBf16), (KernelSet{Registers::kAvx512, Bf16Unit::kAvx512}));
  EXPECT_EQ(choose_kernels("", kAmx), (KernelSet{Registers::kAvx512, Bf16Unit::kAmx}));
  EXPECT_EQ(choose_kernels("amx", kAmx), (KernelSet{Registers::kAvx512, Bf16Unit::kAmx}));
  EXPECT_FALSE(choose_kernels("", kAvx512)->bf16());
}

TEST(IsGoodAtBf16, WhereAMatrixUnitOrFastDotProductsOfOurKernelsAre) {
  const auto is_good = [](std::string_view asked, const CpuFeatures& cpu) {
    return is_good_at_bf16(*choose_kernels(asked, cpu), cpu);
  };
  CpuFeatures fast = kBf16;
  fast.fast_avx512_bf16 = true;
  EXPECT_TRUE(is_good("", fast));
  EXPECT_FALSE(is_good("aten", fast));
  EXPECT_FALSE(is_good("", kBf16));
  EXPECT_FALSE(is_good("", kAvx512));
  EXPECT_TRUE(is_good("", kAmx));
  EXPECT_TRUE(is_good("aten", kAmx));     // by ATen's libraries
  EXPECT_FALSE(is_good("avx512", kAmx));  // by our dot products, which are slow with Intel
}

TEST(ChooseKernels, TakesNarrowerOnesOrNoneWhereAsked) {
  EXPECT_EQ(choose_kernels("aten", kBf16), (KernelSet{Registers::kAten}));
  EXPECT_EQ(choose_kernels("avx2", kBf16), (KernelSet{Registers::kAvx2}));
  EXPECT_EQ(choose_kernels("avx512", kBf16), (KernelSet{Registers::kAvx512, Bf16Unit::kAvx512}));
  EXPECT_EQ(choose_kernels("avx512", kAmx), (KernelSet{Registers::kAvx512, Bf16Unit::kAvx512}));
}

TEST(ChooseKernels, RefusesWhatTheProcessorLacksAndSaysWhatItHas) {
  const auto chosen = choose_kernels("avx512", kAvx2);
  ASSERT_FALSE(chosen.has_value());
  EXPECT_EQ(chosen.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(chosen.error().message,
              AllOf(HasSubstr("WAN_KERNELS: 'avx512'"), HasSubstr("AVX-512"), HasSubstr("aten, avx2")));
  EXPECT_THAT(choose_kernels("avx2", kOld).error().message, AllOf(HasSubstr("AVX2"), HasSubstr("aten, or")));
  EXPECT_THAT(choose_kernels("amx", kBf16).error().message,
              AllOf(HasSubstr("AMX"), HasSubstr("allowed here: aten, avx2, avx512, or")));
}

TEST(ChooseKernels, RefusesAnUnknownNameAndSaysWhichThereAre) {
  const auto chosen = choose_kernels("neon", kBf16);
  ASSERT_FALSE(chosen.has_value());
  EXPECT_EQ(chosen.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(chosen.error().message, AllOf(HasSubstr("'neon'"), HasSubstr("aten, avx2, avx512, amx")));
}

}  // namespace
}  // namespace wan::device
