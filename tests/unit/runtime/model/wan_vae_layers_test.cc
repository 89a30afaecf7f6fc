// The layers of the VAE by themselves, at widths that no small golden has, against one plain convolution over
// the whole video in double precision.

#include "runtime/model/wan_vae_layers.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/silu.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace wan::model {
namespace {

constexpr int64_t kFrames = 7, kHeight = 10, kWidth = 13;

double relative_l2(const at::Tensor& ours, const at::Tensor& exact) {
  const at::Tensor difference = ours.to(at::kDouble) - exact;
  return (at::linalg_vector_norm(difference) / at::linalg_vector_norm(exact)).item<double>();
}

at::Tensor norm_silu_exactly(const at::Tensor& x, const at::Tensor& gamma) {
  return norm_silu(x.to(at::kDouble), gamma.to(at::kDouble));
}

// Two frames of zeros before the video and a border of one pixel.
at::Tensor convolve_exactly(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor padded = at::constant_pad_nd(x, {1, 1, 1, 1, 2, 0});
  return at::conv3d(padded, weight.to(at::kDouble), bias.to(at::kDouble));
}

class WanVaeLayers : public testing::Test {
 protected:
  at::Tensor random(std::vector<int64_t> shape) { return at::randn(shape, generator_); }

  // Random weights under these names; `tensors_` keeps them.
  weights::StateDict state(const std::map<std::string, std::vector<int64_t>>& shapes) {
    weights::StoredTensors stored;
    for (const auto& [name, shape] : shapes) {
      const at::Tensor values = tensors_[name] = random(shape);
      const std::span bytes(static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes());
      stored[name] = {
          .dtype = weights::DType::kF32, .shape = shape, .strides = {}, .bytes = bytes, .owner = {}};
    }
    return weights::StateDict(std::move(stored));
  }

  c10::InferenceMode inference_;
  at::Generator generator_ = at::detail::createCPUGenerator(7);
  std::map<std::string, at::Tensor> tensors_;
};

struct Widths {
  int64_t in, out;
};
class WanCausalConv : public WanVaeLayers, public testing::WithParamInterface<Widths> {};

TEST_P(WanCausalConv, LooksTwoFramesBackWhateverTheChunksAre) {
  const auto [in, out] = GetParam();
  auto weights = state({{"c.weight", {out, in, 3, 3, 3}}, {"c.bias", {out}}});
  const WanCausalConv3d conv(weights, "c", in, out, {3, 3, 3});
  const at::Tensor video = random({1, in, kFrames, kHeight, kWidth}), gamma = random({in, 1, 1, 1});
  const at::Tensor exact =
      convolve_exactly(norm_silu_exactly(video, gamma), tensors_["c.weight"], tensors_["c.bias"]);
  for (const std::vector<int64_t>& chunks : {std::vector<int64_t>{7}, {1, 4, 2}, {1, 1, 1, 1, 3}}) {
    FeatCache cache;
    std::vector<at::Tensor> parts;
    int64_t done = 0;
    for (const int64_t count : chunks) {
      cache.begin_chunk();
      parts.push_back(conv.after_norm(video.narrow(2, done, count), gamma, cache));
      done += count;
    }
    EXPECT_LE(relative_l2(at::cat(parts, 2), exact), 1e-6) << testing::PrintToString(chunks);
  }
}

INSTANTIATE_TEST_SUITE_P(FewOfMany, WanCausalConv,
                         testing::Values(Widths{9, 3}, Widths{96, 3}, Widths{96, 32}));
INSTANTIATE_TEST_SUITE_P(ManyOfFew, WanCausalConv,
                         testing::Values(Widths{8, 3}, Widths{4, 40}, Widths{40, 40}));

TEST_F(WanVaeLayers, AResidualBlockLeavesWhatItIsGivenAloneUnlessItIsGivenAway) {
  constexpr int64_t kWidthOfBlock = 40;
  auto weights = state({{"r.norm1.gamma", {kWidthOfBlock, 1, 1, 1}},
                        {"r.norm2.gamma", {kWidthOfBlock, 1, 1, 1}},
                        {"r.conv1.weight", {kWidthOfBlock, kWidthOfBlock, 3, 3, 3}},
                        {"r.conv1.bias", {kWidthOfBlock}},
                        {"r.conv2.weight", {kWidthOfBlock, kWidthOfBlock, 3, 3, 3}},
                        {"r.conv2.bias", {kWidthOfBlock}}});
  const WanResidualBlock block(weights, "r", kWidthOfBlock, kWidthOfBlock);
  at::Tensor x = random({1, kFrames, kHeight, kWidth, kWidthOfBlock}).permute({0, 4, 1, 2, 3});
  const at::Tensor before = x.clone();
  const auto run = [&](at::Tensor input) {
    FeatCache cache;
    cache.begin_chunk();
    return block.forward(std::move(input), cache);
  };
  const at::Tensor kept = run(x);
  EXPECT_TRUE(x.equal(before));
  const at::Tensor given_away = run(std::move(x));
  EXPECT_TRUE(given_away.equal(kept));
}

}  // namespace
}  // namespace wan::model
