#pragma once
// WanTransformer3DModel, text to video: latents, a timestep and text to the predicted velocity. Names follow
// diffusers; the numbers follow the official code (double-precision embeddings, zero rows up to 512 text
// rows, no text mask).

#include <ATen/core/Tensor.h>
#include <string>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/embeddings.h"
#include "runtime/model/layers.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

// One block's keys and values of the text, [1, heads, rows, head_dim] each.
struct TextKeyValue {
  at::Tensor key, value;
};

// What cross-attention needs of a prompt: the same at every step, so computed once.
struct TextContext {
  std::vector<TextKeyValue> blocks;
  at::Tensor logit_bias;  // [1, 1, 1, rows] or undefined: none
};

struct WanAttention {
  Linear to_q, to_k, to_v, to_out;
  at::Tensor norm_q, norm_k;  // over all heads at once

  WanAttention(weights::StateDict& state, const std::string& name, int64_t dim);
};

struct WanTransformerBlock {
  WanAttention attn1;                   // self; norm1 has no weights
  WanAttention attn2;                   // cross
  at::Tensor norm2_weight, norm2_bias;  // before cross-attention; norm3, before the ffn, has no weights
  Linear ffn_in, ffn_out;               // ffn.net.0.proj, ffn.net.2
  at::Tensor scale_shift_table;         // [1, 6, dim]

  WanTransformerBlock(weights::StateDict& state, const std::string& name,
                      const WanTransformer3DConfig& config);
  // hidden [tokens, dim]; time_projection [1, 6, dim].
  [[nodiscard]] at::Tensor forward(const at::Tensor& hidden, const at::Tensor& time_projection,
                                   const at::Tensor& rotary, const TextKeyValue& text,
                                   const at::Tensor& logit_bias, const WanTransformer3DConfig& config) const;
};

class WanTransformer3DModel {
 public:
  WanTransformer3DModel(const WanTransformer3DConfig& config, weights::StateDict& state);

  // `prompt_embeds` [rows, text_dim], 1 to 512 rows of one prompt, not padded.
  [[nodiscard]] TextContext encode_text(const at::Tensor& prompt_embeds) const;

  // The rotary table for latents of this many frames, rows and columns (even).
  [[nodiscard]] at::Tensor rotary(int64_t frames, int64_t height, int64_t width) const;

  // latents [in_channels, frames, height, width] -> [out_channels, frames, height, width].
  [[nodiscard]] at::Tensor forward(const at::Tensor& latents, int64_t timestep, const TextContext& text,
                                   const at::Tensor& rotary, const Checkpoint& between_blocks) const;

  [[nodiscard]] const WanTransformer3DConfig& config() const { return config_; }

 private:
  WanTransformer3DConfig config_;
  at::Tensor patch_embedding_weight_, patch_embedding_bias_;
  // condition_embedder
  Linear time_embedder_1_, time_embedder_2_, time_proj_, text_embedder_1_, text_embedder_2_;
  std::vector<WanTransformerBlock> blocks_;
  at::Tensor scale_shift_table_;  // [1, 2, dim], of the output
  Linear proj_out_;
};

}  // namespace wan::model
