#include "runtime/model/layers.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

namespace wan::model {
namespace {

// Whatever multiplies bf16 on this machine: norms are computed as for fp32, then rounded.
class Norms : public ::testing::Test {
 protected:
  at::Tensor random(at::IntArrayRef shape) { return at::randn(shape, generator_); }

  // A layer of that type that reads the rows.
  Linear layer(at::ScalarType type) {
    Linear made;
    made.weight = random({8, 1536}).to(type);
    made.compute = type;
    return made;
  }

  at::Generator generator_ = at::detail::createCPUGenerator(7);
  const at::Tensor x_ = random({512, 1536}), weight_ = random({1536}), bias_ = random({1536});
};

TEST_F(Norms, RmsNormInBf16IsThatInFp32Rounded) {
  const at::Tensor narrow = rms_norm(x_, weight_, 1e-6, at::kBFloat16);
  EXPECT_TRUE(narrow.equal(rms_norm(x_, weight_, 1e-6).to(at::kBFloat16)));
}

TEST_F(Norms, LayerNormForABf16LayerIsThatInFp32Rounded) {
  const Linear narrow = layer(at::kBFloat16);
  const Rows rows = layer_norm_for({&narrow}, x_, 1e-6, weight_, bias_);
  EXPECT_TRUE(rows.values.equal(layer_norm(x_, 1e-6, weight_, bias_).to(at::kBFloat16)));
}

}  // namespace
}  // namespace wan::model
