#include "runtime/pipeline/noise.h"

#include <charconv>
#include <gtest/gtest.h>
#include <string>

#include "tests/golden/support.h"

namespace wan::golden {
namespace {

TEST(NoiseGolden, EqualsTorchsCpuGeneratorForEverySeedAndShape) {
  double worst = 0;
  int compared = 0;
  for (const auto& [name, golden] : read_tensors(data("noise/noise.safetensors"))) {
    // "seed42.16x3x8x12"; successive draws and raw integers are not what a video starts from.
    if (name.find("seq") != std::string::npos || name.find("raw") != std::string::npos) continue;
    uint64_t seed = 0;
    std::from_chars(name.data() + 4, name.data() + name.size(), seed);
    const double difference = max_difference(pipeline::gaussian_noise(golden.sizes(), seed), golden);
    worst = std::max(worst, difference);
    ++compared;
    EXPECT_LE(difference, 1e-6) << name;
  }
  EXPECT_GE(compared, 40);
  report("noise, largest difference", worst);
}

}  // namespace
}  // namespace wan::golden
