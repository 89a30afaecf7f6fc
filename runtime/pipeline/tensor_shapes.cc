#include "runtime/pipeline/tensor_shapes.h"

namespace wan::pipeline {
namespace {

void linear(TensorShapes& out, const std::string& name, int64_t in, int64_t width) {
  out[name + ".weight"] = {width, in};
  out[name + ".bias"] = {width};
}

void layer_norm(TensorShapes& out, const std::string& name, int64_t dim) {
  out[name + ".weight"] = {dim};
  out[name + ".bias"] = {dim};
}

void attention(TensorShapes& out, const std::string& name, int64_t dim) {
  for (const char* part : {".to_q", ".to_k", ".to_v", ".to_out.0"}) linear(out, name + part, dim, dim);
  for (const char* norm : {".norm_q.weight", ".norm_k.weight"}) out[name + norm] = {dim};
}

// Convolution over time, height and width, or over height and width where `time` is 0.
void convolution(TensorShapes& out, const std::string& name, int64_t in, int64_t width, int64_t time,
                 int64_t side) {
  out[name + ".weight"] = {width, in, time, side, side};
  if (time == 0) out[name + ".weight"] = {width, in, side, side};
  out[name + ".bias"] = {width};
}

void residual_block(TensorShapes& out, const std::string& name, int64_t in, int64_t width) {
  out[name + ".norm1.gamma"] = {in, 1, 1, 1};
  out[name + ".norm2.gamma"] = {width, 1, 1, 1};
  convolution(out, name + ".conv1", in, width, 3, 3);
  convolution(out, name + ".conv2", width, width, 3, 3);
  if (in != width) convolution(out, name + ".conv_shortcut", in, width, 1, 1);
}

void middle(TensorShapes& out, const std::string& name, int64_t width) {
  residual_block(out, name + ".resnets.0", width, width);
  residual_block(out, name + ".resnets.1", width, width);
  out[name + ".attentions.0.norm.gamma"] = {width, 1, 1};
  convolution(out, name + ".attentions.0.to_qkv", width, 3 * width, 0, 1);
  convolution(out, name + ".attentions.0.proj", width, width, 0, 1);
}

void encoder(TensorShapes& out, const model::AutoencoderKLWanConfig& config) {
  convolution(out, "encoder.conv_in", 3, config.base_dim, 3, 3);
  int64_t width = config.base_dim, layer = 0;
  for (size_t i = 0; i < config.dim_mult.size(); ++i) {
    for (int64_t block = 0; block < config.num_res_blocks; ++block) {
      const int64_t next = config.encoder_dim(i);
      residual_block(out, "encoder.down_blocks." + std::to_string(layer++), width, next);
      width = next;
    }
    if (i + 1 == config.dim_mult.size()) break;
    const std::string name = "encoder.down_blocks." + std::to_string(layer++);
    convolution(out, name + ".resample.1", width, width, 0, 3);
    if (!config.temperal_downsample[i]) continue;
    out[name + ".time_conv.weight"] = {width, width, 3, 1, 1};
    out[name + ".time_conv.bias"] = {width};
  }
  middle(out, "encoder.mid_block", width);
  out["encoder.norm_out.gamma"] = {width, 1, 1, 1};
  convolution(out, "encoder.conv_out", width, 2 * config.z_dim, 3, 3);
}

// The stages from back to front; an upsampler halves the width.
void decoder(TensorShapes& out, const model::AutoencoderKLWanConfig& config) {
  const size_t stages = config.dim_mult.size();
  int64_t width = config.decoder_dim(0);
  convolution(out, "decoder.conv_in", config.z_dim, width, 3, 3);
  middle(out, "decoder.mid_block", width);
  for (size_t i = 0; i < stages; ++i) {
    const std::string name = "decoder.up_blocks." + std::to_string(i);
    const int64_t next = config.decoder_dim(i);
    for (int64_t block = 0; block <= config.num_res_blocks; ++block) {
      residual_block(out, name + ".resnets." + std::to_string(block), width, next);
      width = next;
    }
    if (i + 1 == stages) break;
    convolution(out, name + ".upsamplers.0.resample.1", width, width / 2, 0, 3);
    if (config.temperal_downsample[stages - 2 - i]) {
      out[name + ".upsamplers.0.time_conv.weight"] = {2 * width, width, 3, 1, 1};
      out[name + ".upsamplers.0.time_conv.bias"] = {2 * width};
    }
    width /= 2;
  }
  out["decoder.norm_out.gamma"] = {width, 1, 1, 1};
  convolution(out, "decoder.conv_out", width, 3, 3, 3);
}

}  // namespace

TensorShapes tensor_shapes(const model::UMT5Config& config) {
  const int64_t dim = config.d_model, inner = config.num_heads * config.d_kv;
  TensorShapes out = {{"shared.weight", {config.vocab_size, dim}},
                      {"encoder.final_layer_norm.weight", {dim}}};
  for (int64_t i = 0; i < config.num_layers; ++i) {
    const std::string layer = "encoder.block." + std::to_string(i) + ".layer.";
    const std::string self = layer + "0.SelfAttention.", dense = layer + "1.DenseReluDense.";
    for (const char* part : {"q", "k", "v"}) out[self + part + ".weight"] = {inner, dim};
    out[self + "o.weight"] = {dim, inner};
    out[self + "relative_attention_bias.weight"] = {config.relative_attention_num_buckets, config.num_heads};
    for (const char* part : {"wi_0", "wi_1"}) out[dense + part + ".weight"] = {config.d_ff, dim};
    out[dense + "wo.weight"] = {dim, config.d_ff};
    for (const char* norm : {"0", "1"}) out[layer + norm + ".layer_norm.weight"] = {dim};
  }
  return out;
}

TensorShapes tensor_shapes(const model::CLIPVisionConfig& config) {
  const int64_t dim = config.hidden_size, side = config.image_size / config.patch_size;
  const std::string model = "vision_model.";
  TensorShapes out = {
      {model + "embeddings.class_embedding", {dim}},
      {model + "embeddings.patch_embedding.weight", {dim, 3, config.patch_size, config.patch_size}},
      {model + "embeddings.position_embedding.weight", {side * side + 1, dim}}};
  layer_norm(out, model + "pre_layrnorm", dim);
  layer_norm(out, model + "post_layernorm", dim);
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = model + "encoder.layers." + std::to_string(i);
    for (const char* part : {"q", "k", "v", "out"})
      linear(out, layer + ".self_attn." + part + "_proj", dim, dim);
    layer_norm(out, layer + ".layer_norm1", dim);
    layer_norm(out, layer + ".layer_norm2", dim);
    linear(out, layer + ".mlp.fc1", dim, config.intermediate_size);
    linear(out, layer + ".mlp.fc2", config.intermediate_size, dim);
  }
  return out;
}

TensorShapes tensor_shapes(const model::WanTransformer3DConfig& config) {
  const int64_t dim = config.inner_dim();
  const auto [pt, ph, pw] = model::kPatchSize;
  const std::string condition = "condition_embedder.";
  TensorShapes out = {{"patch_embedding.weight", {dim, config.in_channels, pt, ph, pw}},
                      {"patch_embedding.bias", {dim}},
                      {"scale_shift_table", {1, 2, dim}}};
  linear(out, condition + "time_embedder.linear_1", config.freq_dim, dim);
  linear(out, condition + "time_embedder.linear_2", dim, dim);
  linear(out, condition + "time_proj", dim, 6 * dim);
  linear(out, condition + "text_embedder.linear_1", config.text_dim, dim);
  linear(out, condition + "text_embedder.linear_2", dim, dim);
  linear(out, "proj_out", dim, config.out_channels * pt * ph * pw);
  if (config.image_dim) {
    layer_norm(out, condition + "image_embedder.norm1", *config.image_dim);
    linear(out, condition + "image_embedder.ff.net.0.proj", *config.image_dim, *config.image_dim);
    linear(out, condition + "image_embedder.ff.net.2", *config.image_dim, dim);
    layer_norm(out, condition + "image_embedder.norm2", dim);
  }
  for (int64_t i = 0; i < config.num_layers; ++i) {
    const std::string block = "blocks." + std::to_string(i);
    attention(out, block + ".attn1", dim);
    attention(out, block + ".attn2", dim);
    if (config.image_dim) {
      linear(out, block + ".attn2.add_k_proj", dim, dim);
      linear(out, block + ".attn2.add_v_proj", dim, dim);
      out[block + ".attn2.norm_added_k.weight"] = {dim};
    }
    layer_norm(out, block + ".norm2", dim);
    linear(out, block + ".ffn.net.0.proj", dim, config.ffn_dim);
    linear(out, block + ".ffn.net.2", config.ffn_dim, dim);
    out[block + ".scale_shift_table"] = {1, 6, dim};
  }
  return out;
}

TensorShapes tensor_shapes(const model::AutoencoderKLWanConfig& config) {
  TensorShapes out;
  encoder(out, config);
  convolution(out, "quant_conv", 2 * config.z_dim, 2 * config.z_dim, 1, 1);
  convolution(out, "post_quant_conv", config.z_dim, config.z_dim, 1, 1);
  decoder(out, config);
  return out;
}

}  // namespace wan::pipeline
