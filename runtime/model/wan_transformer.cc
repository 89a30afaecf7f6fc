#include "runtime/model/wan_transformer.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>
#include <cmath>

#include "runtime/device/kernels.h"
#include "runtime/device/memory.h"

namespace wan::model {
namespace {

bool own_floats(const at::Tensor& x) {
  return device::own_kernels() && x.is_cpu() && x.scalar_type() == at::kFloat;
}

// Pairs along a head's dimension are multiplied in bf16.
bool own_attention(const at::Tensor& q, int64_t heads) {
  const bool pairs = device::kernel_set().bf16() && q.is_cpu() && q.scalar_type() == at::kBFloat16;
  return own_floats(q) || (pairs && q.size(1) / heads % 2 == 0);
}

// How `reader` is to find what heads of that size give.
device::RowLayout attended_layout(const Linear& reader, int64_t rows, int64_t head_dim) {
  constexpr int64_t kColumns = 8;  // the kernel writes so many at a time into tiles
  return head_dim % kColumns == 0 ? layout_for({&reader}, rows) : device::RowLayout::kRows;
}

// `add`: [query rows, dim] or undefined.
Rows own_attend(const at::Tensor& q, const KeyValue& kv, const at::Tensor& logit_bias, int64_t heads,
                device::RowLayout layout, at::ScalarType type, const at::Tensor& add) {
  const int64_t rows = q.size(0), head_dim = q.size(1) / heads;
  const Rows out = empty_rows(rows, q.size(1), layout, type);
  device::attention({.heads = heads,
                     .head_dim = head_dim,
                     .queries = rows,
                     .keys = kv.key.size(0),
                     .stored = *stored_as(q.scalar_type()),
                     .q = q.const_data_ptr(),
                     .q_stride = q.stride(0),
                     .k = kv.key.const_data_ptr(),
                     .k_stride = kv.key.stride(0),
                     .v = kv.value.const_data_ptr(),
                     .v_stride = kv.value.stride(0),
                     .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim))),
                     .bias = logit_bias.defined() ? logit_bias.const_data_ptr<float>() : nullptr,
                     .add = add.defined() ? add.const_data_ptr<float>() : nullptr,
                     .add_stride = q.size(1),
                     .out = out.values.mutable_data_ptr(),
                     .out_stored = *stored_as(type),
                     .out_layout = layout,
                     .out_stride = q.size(1)});
  return out;
}

// The norm over all heads, then the rotation of each, in that type; x is used up.
at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, const WanTransformer3DConfig& config,
                       const at::Tensor& rotary, at::ScalarType type) {
  if (own_floats(x)) {
    const at::ScalarType written = written_type(type);
    const at::Tensor out = written == at::kFloat ? x : at::empty(x.sizes(), x.options().dtype(written));
    device::rms_norm_rotate({.rows = x.size(0),
                             .dim = x.size(1),
                             .head_dim = config.attention_head_dim,
                             .x = x.const_data_ptr<float>(),
                             .weight = weight.const_data_ptr<float>(),
                             .eps = config.eps,
                             .rotary = static_cast<const float*>(rotary.const_data_ptr()),
                             .out = out.mutable_data_ptr(),
                             .out_stored = *stored_as(written)});
    return out.to(type);
  }
  const at::Tensor heads = rms_norm(x, weight, config.eps).view({x.size(0), -1, config.attention_head_dim});
  return apply_rotary(heads, rotary).flatten(1).to(type);
}

// q, k, v [rows, dim] -> [query rows, dim] in q's type, by ATen.
at::Tensor attend(const at::Tensor& q, const KeyValue& kv, const at::Tensor& logit_bias, int64_t heads) {
  const auto by_head = [&](const at::Tensor& x) {
    return x.view({1, x.size(0), heads, x.size(1) / heads}).transpose(1, 2);
  };
  const auto bias =
      logit_bias.defined() ? std::optional(logit_bias.to(q.scalar_type()).view({1, 1, 1, -1})) : std::nullopt;
  return at::scaled_dot_product_attention(by_head(q), by_head(kv.key), by_head(kv.value), bias)
      .transpose(1, 2)
      .flatten(2)
      .squeeze(0);
}

// q [rows, dim] attends to the text, or to all rows, and to the image where there is one: apart, each with
// its own softmax. By our own kernels the result has the reader's type, else q's.
Rows attend_for(const Linear& reader, const at::Tensor& q, const KeyValue& text, const at::Tensor& logit_bias,
                const KeyValue& image, int64_t heads) {
  const bool with_image = image.key.defined();
  if (own_attention(q, heads)) {
    const device::RowLayout layout = attended_layout(reader, q.size(0), q.size(1) / heads);
    const at::ScalarType type = reader.compute;
    if (!with_image) return own_attend(q, text, logit_bias, heads, layout, type, {});
    const Rows first = own_attend(q, text, logit_bias, heads, device::RowLayout::kRows, at::kFloat, {});
    return own_attend(q, image, {}, heads, layout, type, first.values);
  }
  const at::Tensor out = attend(q, text, logit_bias, heads);
  return with_image ? at::add(out, attend(q, image, {}, heads)) : out;
}

}  // namespace

WanImageEmbedding::WanImageEmbedding(weights::StateDict& state, const std::string& name, int64_t image_dim,
                                     int64_t dim)
    : norm1_weight(state.take(name + ".norm1.weight", {image_dim})),
      norm1_bias(state.take(name + ".norm1.bias", {image_dim})),
      ff_in(state, name + ".ff.net.0.proj", image_dim, image_dim),
      ff_out(state, name + ".ff.net.2", image_dim, dim),
      norm2_weight(state.take(name + ".norm2.weight", {dim})),
      norm2_bias(state.take(name + ".norm2.bias", {dim})) {}

at::Tensor WanImageEmbedding::forward(const at::Tensor& image_embeds) const {
  const at::Tensor normed = layer_norm(image_embeds, kEps, norm1_weight, norm1_bias);
  const at::Tensor out = ff_out(gelu_erf(ff_in(normed))).to(at::kFloat);
  return layer_norm(out, kEps, norm2_weight, norm2_bias);
}

WanAttention::WanAttention(weights::StateDict& state, const std::string& name, int64_t dim, bool with_image)
    : to_q(state, name + ".to_q", dim, dim),
      to_k(state, name + ".to_k", dim, dim),
      to_v(state, name + ".to_v", dim, dim),
      to_out(state, name + ".to_out.0", dim, dim),
      norm_q(state.take(name + ".norm_q.weight", {dim})),
      norm_k(state.take(name + ".norm_k.weight", {dim})) {
  if (!with_image) return;
  add_k_proj = Linear(state, name + ".add_k_proj", dim, dim);
  add_v_proj = Linear(state, name + ".add_v_proj", dim, dim);
  norm_added_k = state.take(name + ".norm_added_k.weight", {dim});
}

WanTransformerBlock::WanTransformerBlock(weights::StateDict& state, const std::string& name,
                                         const WanTransformer3DConfig& config)
    : attn1(state, name + ".attn1", config.inner_dim()),
      attn2(state, name + ".attn2", config.inner_dim(), config.image_dim.has_value()),
      norm2_weight(state.take(name + ".norm2.weight", {config.inner_dim()})),
      norm2_bias(state.take(name + ".norm2.bias", {config.inner_dim()})),
      ffn_in(state, name + ".ffn.net.0.proj", config.inner_dim(), config.ffn_dim),
      ffn_out(state, name + ".ffn.net.2", config.ffn_dim, config.inner_dim()),
      scale_shift_table(state.take(name + ".scale_shift_table", {1, 6, config.inner_dim()})) {}

void WanTransformerBlock::forward(const at::Tensor& hidden, const at::Tensor& time_projection,
                                  const at::Tensor& rotary, const KeyValue& text,
                                  const at::Tensor& logit_bias, const KeyValue& image,
                                  const WanTransformer3DConfig& config) const {
  const int64_t heads = config.num_attention_heads;
  const at::ScalarType compute = attn1.to_q.compute;
  const at::Tensor modulation = at::add(scale_shift_table, time_projection).squeeze(0);
  const Modulation self = {.scale = modulation[1], .shift = modulation[0]};
  const Modulation ffn = {.scale = modulation[4], .shift = modulation[3]};
  const at::Tensor gate = modulation[2], ffn_gate = modulation[5];

  // Self-attention.
  const Rows self_in = modulated_norm_for({&attn1.to_q, &attn1.to_k, &attn1.to_v}, hidden, config.eps, self);
  const at::Tensor q = norm_rotate(attn1.to_q.fp32(self_in), attn1.norm_q, config, rotary, compute);
  const at::Tensor k = norm_rotate(attn1.to_k.fp32(self_in), attn1.norm_k, config, rotary, compute);
  const KeyValue kv = {k, attn1.to_v(self_in)};
  attn1.to_out.add_to(hidden, attend_for(attn1.to_out, q, kv, {}, {}, heads), gate);

  // Cross-attention to the text and the image.
  const Rows cross_in = layer_norm_for({&attn2.to_q}, hidden, config.eps, norm2_weight, norm2_bias);
  const at::Tensor cross_q = rms_norm(attn2.to_q.fp32(cross_in), attn2.norm_q, config.eps, compute);
  attn2.to_out.add_to(hidden, attend_for(attn2.to_out, cross_q, text, logit_bias, image, heads));

  // Feed-forward.
  add_feed_forward(hidden, config.eps, ffn, ffn_in, ffn_out, ffn_gate);
}

WanTransformer3DModel::WanTransformer3DModel(const WanTransformer3DConfig& config, weights::StateDict& state)
    : config_(config) {
  const device::LargePages large_pages;  // for matrices that are narrowed
  const int64_t dim = config.inner_dim();
  const auto [pt, ph, pw] = kPatchSize;
  const std::string condition = "condition_embedder.";
  patch_embedding_weight_ = state.take("patch_embedding.weight", {dim, config.in_channels, pt, ph, pw});
  patch_embedding_bias_ = state.take("patch_embedding.bias", {dim});
  time_embedder_1_ =
      Linear(state, condition + "time_embedder.linear_1", config.freq_dim, dim, true, at::kFloat);
  time_embedder_2_ = Linear(state, condition + "time_embedder.linear_2", dim, dim, true, at::kFloat);
  time_proj_ = Linear(state, condition + "time_proj", dim, 6 * dim, true, at::kFloat);
  text_embedder_1_ = Linear(state, condition + "text_embedder.linear_1", config.text_dim, dim);
  text_embedder_2_ = Linear(state, condition + "text_embedder.linear_2", dim, dim);
  if (config.image_dim) image_embedder_.emplace(state, condition + "image_embedder", *config.image_dim, dim);
  for (int64_t i = 0; i < config.num_layers; ++i)
    blocks_.emplace_back(state, "blocks." + std::to_string(i), config);
  scale_shift_table_ = state.take("scale_shift_table", {1, 2, dim});
  proj_out_ = Linear(state, "proj_out", dim, config.out_channels * pt * ph * pw, true, at::kFloat);
}

TextContext WanTransformer3DModel::encode_text(const at::Tensor& prompt_embeds) const {
  const int64_t rows = prompt_embeds.size(0);
  const int64_t padding = kTextLength - rows;
  TextContext context;
  at::Tensor padded = prompt_embeds;
  if (padding > 0) {
    // The rows up to 512 are zero and alike, so one of them stands for all: the softmax weighs it by their
    // number, which is its logarithm on the logit.
    padded = at::cat({prompt_embeds, at::zeros({1, config_.text_dim}, prompt_embeds.options())});
    context.logit_bias = at::zeros({rows + 1}, prompt_embeds.options().dtype(at::kFloat));
    context.logit_bias[rows] = std::log(static_cast<double>(padding));
  }
  const at::Tensor text = text_embedder_2_(text_embedder_1_.gelu(padded));
  for (const WanTransformerBlock& block : blocks_) {
    const at::Tensor key = rms_norm(block.attn2.to_k.fp32(text), block.attn2.norm_k, config_.eps);
    context.blocks.push_back({key.to(text.scalar_type()), block.attn2.to_v(text)});
  }
  return context;
}

ImageContext WanTransformer3DModel::encode_image(const at::Tensor& image_embeds) const {
  const at::Tensor rows = image_embedder_->forward(image_embeds);
  ImageContext context;
  for (const WanTransformerBlock& block : blocks_) {
    const at::Tensor value = block.attn2.add_v_proj(rows);
    const at::Tensor key = rms_norm(block.attn2.add_k_proj.fp32(rows), block.attn2.norm_added_k, config_.eps);
    context.blocks.push_back({key.to(value.scalar_type()), value});
  }
  return context;
}

at::Tensor WanTransformer3DModel::rotary(int64_t frames, int64_t height, int64_t width) const {
  const Grid grid = {frames / kPatchSize[0], height / kPatchSize[1], width / kPatchSize[2]};
  return rotary_table(grid, config_.attention_head_dim).to(scale_shift_table_.device());
}

at::Tensor WanTransformer3DModel::forward(const at::Tensor& latents, double timestep, const TextContext& text,
                                          const ImageContext& image, const at::Tensor& rotary,
                                          const Checkpoint& between_blocks) const {
  const device::KeptAllocations kept;
  const auto [pt, ph, pw] = kPatchSize;
  const int64_t frames = latents.size(1) / pt, rows = latents.size(2) / ph, columns = latents.size(3) / pw;

  const at::Tensor patches =
      at::conv3d(latents.unsqueeze(0), patch_embedding_weight_, patch_embedding_bias_, kPatchSize);
  const at::Tensor hidden = patches.flatten(2).squeeze(0).transpose(0, 1).contiguous();  // [tokens, dim]

  const at::Tensor sinusoid = timestep_sinusoid(timestep, config_.freq_dim).to(hidden.device());
  const at::Tensor temb = time_embedder_2_(at::silu(time_embedder_1_(sinusoid)));  // [1, dim]
  const at::Tensor time_projection = time_proj_(at::silu(temb)).view({1, 6, config_.inner_dim()});

  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (between_blocks) between_blocks();
    const KeyValue image_rows = image.blocks.empty() ? KeyValue{} : image.blocks[i];
    blocks_[i].forward(hidden, time_projection, rotary, text.blocks[i], text.logit_bias, image_rows, config_);
  }

  const at::Tensor modulation =
      at::add(scale_shift_table_, temb.unsqueeze(1)).squeeze(0);  // from temb itself
  const Modulation last = {.scale = modulation[1], .shift = modulation[0]};
  const at::Tensor out = proj_out_(modulated_norm_for({&proj_out_}, hidden, config_.eps, last));
  return out.view({frames, rows, columns, pt, ph, pw, config_.out_channels})
      .permute({6, 0, 3, 1, 4, 2, 5})
      .reshape({config_.out_channels, frames * pt, rows * ph, columns * pw});
}

}  // namespace wan::model
