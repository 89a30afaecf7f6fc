#include "runtime/device/device.h"

#include <ATen/Parallel.h>
#include <cstdlib>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/sha256.h"

namespace wan::device {
namespace {

using testing::HasSubstr;

TEST(DeviceTest, CpuTakesTheThreadsItIsGiven) {
  const auto device = choose_device("cpu", 2);
  ASSERT_TRUE(device.has_value()) << device.error().message;
  EXPECT_EQ(device->threads, 2);
  EXPECT_EQ(at::get_num_threads(), 2);
  EXPECT_EQ(device->plan.device, "cpu");
  EXPECT_THAT(device->plan.torch, HasSubstr("."));
}

TEST(DeviceTest, RefusesWhatItDoesNotKnowWithTheAllowedValues) {
  EXPECT_THAT(choose_device("gpu", 0).error().message,
              HasSubstr("'gpu' is not allowed; allowed: auto, cpu, cuda"));
  EXPECT_THAT(choose_device("cpu", -1).error().message, HasSubstr("threads: -1"));
}

TEST(DeviceTest, CudaWithoutItsLibrariesIsAClearError) {
  const auto device = choose_device("cuda", 0);
  if (device) GTEST_SKIP() << "this machine has a CUDA device";
  EXPECT_EQ(device.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(device.error().message, HasSubstr("--device cpu"));
}

TEST(DeviceTest, IdleThreadsSleepUnlessTheUserSaysOtherwise) {
  EXPECT_TRUE(std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT"));
}

TEST(NumericsPlanTest, EqualPlansHaveEqualIdsAndEveryFieldCounts) {
  NumericsPlan plan;
  plan.torch = "2.15.0";
  const auto id = numerics_id(plan);
  ASSERT_TRUE(id.has_value());
  EXPECT_TRUE(is_sha256_digest(*id));
  EXPECT_EQ(numerics_id(NumericsPlan(plan)), *id);
  const std::function<void(NumericsPlan&)> changes[] = {
      [](auto& p) { p.torch = "2.16.0"; },     [](auto& p) { p.device = "cuda"; },
      [](auto& p) { p.cpu_capability = "x"; }, [](auto& p) { p.blas = "x"; },
      [](auto& p) { p.threads = 2; },          [](auto& p) { p.precision = "bf16"; },
      [](auto& p) { p.matrices = "x"; },       [](auto& p) { p.attention = "x"; },
      [](auto& p) { p.convolution = "x"; },    [](auto& p) { p.guidance = "batched"; },
      [](auto& p) { p.vae_chunk_frames = 4; }, [](auto& p) { p.text_padding = "x"; },
      [](auto& p) { p.noise = "cuda"; },       [](auto& p) { p.encoder = "x"; }};
  for (const auto& change : changes) {
    NumericsPlan other = plan;
    change(other);
    EXPECT_NE(*numerics_id(other), *id);
  }
}

}  // namespace
}  // namespace wan::device
