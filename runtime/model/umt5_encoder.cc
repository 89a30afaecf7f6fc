#include "runtime/model/umt5_encoder.h"

#include <ATen/ops/add.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <algorithm>
#include <cmath>

#include "runtime/device/memory.h"

namespace wan::model {
namespace {

// [queries, keys] of table rows.
at::Tensor relative_position_buckets(int64_t length, const UMT5Config& config) {
  at::Tensor buckets = at::empty({length, length}, at::TensorOptions(at::kLong));
  auto* out = buckets.mutable_data_ptr<int64_t>();
  for (int64_t query = 0; query < length; ++query) {
    for (int64_t key = 0; key < length; ++key) *out++ = relative_position_bucket(key - query, config);
  }
  return buckets;
}

}  // namespace

int64_t relative_position_bucket(int64_t distance, const UMT5Config& config) {
  const int64_t half = config.relative_attention_num_buckets / 2;
  const int64_t max_exact = half / 2;
  const int64_t side = distance > 0 ? half : 0;
  const int64_t away = std::abs(distance);
  if (away < max_exact) return side + away;
  // In float, as the official code computes it: the borders between buckets depend on it.
  const auto ratio = static_cast<float>(
      std::log(static_cast<double>(config.relative_attention_max_distance) / static_cast<double>(max_exact)));
  const float position = std::log(static_cast<float>(away) / static_cast<float>(max_exact)) / ratio *
                         static_cast<float>(half - max_exact);
  return side + std::min(max_exact + static_cast<int64_t>(position), half - 1);
}

UMT5Block::UMT5Block(weights::StateDict& state, const std::string& name, const UMT5Config& config) {
  const int64_t inner = config.num_heads * config.d_kv;
  const std::string attention = name + ".layer.0.SelfAttention";
  const std::string dense = name + ".layer.1.DenseReluDense";
  self_attention_layer_norm = state.take(name + ".layer.0.layer_norm.weight", {config.d_model});
  q = Linear(state, attention + ".q", config.d_model, inner, false);
  k = Linear(state, attention + ".k", config.d_model, inner, false);
  v = Linear(state, attention + ".v", config.d_model, inner, false);
  o = Linear(state, attention + ".o", inner, config.d_model, false);
  relative_attention_bias = state.take(attention + ".relative_attention_bias.weight",
                                       {config.relative_attention_num_buckets, config.num_heads});
  dense_layer_norm = state.take(name + ".layer.1.layer_norm.weight", {config.d_model});
  wi_0 = Linear(state, dense + ".wi_0", config.d_model, config.d_ff, false);
  wi_1 = Linear(state, dense + ".wi_1", config.d_model, config.d_ff, false);
  wo = Linear(state, dense + ".wo", config.d_ff, config.d_model, false);
}

at::Tensor UMT5Block::forward(const at::Tensor& hidden, const at::Tensor& buckets,
                              const UMT5Config& config) const {
  const auto heads = [&](const at::Tensor& x) {
    // [heads, tokens, d_kv]; fp32: for at most 512 tokens this is nothing beside the matrices.
    return x.to(at::kFloat).view({-1, config.num_heads, config.d_kv}).transpose(0, 1);
  };
  const at::Tensor normed =
      rms_norm(hidden, self_attention_layer_norm, config.layer_norm_epsilon).to(q.compute);
  const at::Tensor query = heads(q(normed)), key = heads(k(normed)), value = heads(v(normed));
  const at::Tensor bias = at::embedding(relative_attention_bias, buckets).permute({2, 0, 1});
  const at::Tensor scores = at::matmul(query, key.transpose(1, 2)).add_(bias);  // not divided by sqrt(d_kv)
  const at::Tensor attended = at::matmul(at::softmax(scores, -1), value).transpose(0, 1).flatten(1);
  const at::Tensor after_attention = at::add(hidden, o(attended));

  const at::Tensor dense_in =
      rms_norm(after_attention, dense_layer_norm, config.layer_norm_epsilon).to(wi_0.compute);
  const at::Tensor gated = wi_0.gelu(dense_in).mul_(wi_1(dense_in));
  return at::add(after_attention, wo(gated));
}

UMT5EncoderModel::UMT5EncoderModel(const UMT5Config& config, weights::StateDict& state) : config_(config) {
  const device::LargePages large_pages;  // for matrices that are narrowed
  shared_ = state.take_matrix("shared.weight", {config.vocab_size, config.d_model}, state.compute());
  for (int64_t i = 0; i < config.num_layers; ++i) {
    block_.emplace_back(state, "encoder.block." + std::to_string(i), config);
  }
  final_layer_norm_ = state.take("encoder.final_layer_norm.weight", {config.d_model});
  state.ignore("encoder.embed_tokens.weight");  // the same tensor as `shared`, under its other name
}

at::Tensor UMT5EncoderModel::forward(std::span<const int64_t> ids, const Checkpoint& between_blocks) const {
  const at::Tensor buckets =
      relative_position_buckets(static_cast<int64_t>(ids.size()), config_).to(shared_.device());
  const at::Tensor tokens = at::tensor(at::ArrayRef<int64_t>(ids.data(), ids.size())).to(shared_.device());
  at::Tensor hidden = at::embedding(shared_, tokens).to(at::kFloat);
  for (const UMT5Block& block : block_) {
    if (between_blocks) between_blocks();
    hidden = block.forward(hidden, buckets, config_);
  }
  return rms_norm(hidden, final_layer_norm_, config_.layer_norm_epsilon);
}

}  // namespace wan::model
