#pragma once
// WanTransformer3DModel: latents, a timestep, text and, for image to video, an image to the predicted
// velocity. Precision: fp32, or bf16 where the official code multiplies in bf16 on a GPU: matrices and
// attention. The residual stream, norms, modulation, timestep and output stay fp32. Names follow diffusers;
// the numbers follow the official code (double-precision embeddings, zero rows up to 512 text rows, no text
// mask).

#include <ATen/core/Tensor.h>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/embeddings.h"
#include "runtime/model/layers.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

// One block's keys and values of the text or the image, [rows, dim] each.
struct KeyValue {
  at::Tensor key, value;
};

// What cross-attention needs of a prompt: the same at every step, so computed once.
struct TextContext {
  std::vector<KeyValue> blocks;
  at::Tensor logit_bias;  // [rows], fp32, or undefined: none
};

// The same of an image; no blocks where the model makes videos from text alone.
struct ImageContext {
  std::vector<KeyValue> blocks;
};

// The rows of the CLIP tower, brought to the transformer's width. Its norms have an epsilon of their own and
// its GELU is the exact one.
struct WanImageEmbedding {
  static constexpr double kEps = 1e-5;

  at::Tensor norm1_weight, norm1_bias;
  Linear ff_in, ff_out;  // ff.net.0.proj, ff.net.2
  at::Tensor norm2_weight, norm2_bias;

  WanImageEmbedding(weights::StateDict& state, const std::string& name, int64_t image_dim, int64_t dim);
  // [rows, image_dim] -> [rows, dim]
  [[nodiscard]] at::Tensor forward(const at::Tensor& image_embeds) const;
};

struct WanAttention {
  Linear to_q, to_k, to_v, to_out;
  at::Tensor norm_q, norm_k;      // over all heads at once
  Linear add_k_proj, add_v_proj;  // of the image; only in the cross-attention of image to video
  at::Tensor norm_added_k;

  WanAttention(weights::StateDict& state, const std::string& name, int64_t dim, bool with_image = false);
};

struct WanTransformerBlock {
  WanAttention attn1;                   // self; norm1 has no weights
  WanAttention attn2;                   // cross
  at::Tensor norm2_weight, norm2_bias;  // before cross-attention; norm3, before the ffn, has no weights
  Linear ffn_in, ffn_out;               // ffn.net.0.proj, ffn.net.2
  at::Tensor scale_shift_table;         // [1, 6, dim]

  WanTransformerBlock(weights::StateDict& state, const std::string& name,
                      const WanTransformer3DConfig& config);
  // Changes hidden [tokens, dim]; time_projection [1, 6, dim]; `image` undefined where there is none.
  void forward(const at::Tensor& hidden, const at::Tensor& time_projection, const at::Tensor& rotary,
               const KeyValue& text, const at::Tensor& logit_bias, const KeyValue& image,
               const WanTransformer3DConfig& config) const;
};

class WanTransformer3DModel {
 public:
  WanTransformer3DModel(const WanTransformer3DConfig& config, weights::StateDict& state);

  // `prompt_embeds` [rows, text_dim], 1 to 512 rows of one prompt, not padded.
  [[nodiscard]] TextContext encode_text(const at::Tensor& prompt_embeds) const;

  // `image_embeds` [rows, image_dim] of the CLIP tower. REQUIRES a model with an image_dim.
  [[nodiscard]] ImageContext encode_image(const at::Tensor& image_embeds) const;

  // The rotary table for latents of this many frames, rows and columns (even).
  [[nodiscard]] at::Tensor rotary(int64_t frames, int64_t height, int64_t width) const;

  // latents [in_channels, frames, height, width] -> [out_channels, frames, height, width]. For image to video
  // the noise's channels come first, then the condition's (mask, encoded image).
  [[nodiscard]] at::Tensor forward(const at::Tensor& latents, double timestep, const TextContext& text,
                                   const ImageContext& image, const at::Tensor& rotary,
                                   const Checkpoint& between_blocks) const;

  [[nodiscard]] const WanTransformer3DConfig& config() const { return config_; }

 private:
  WanTransformer3DConfig config_;
  at::Tensor patch_embedding_weight_, patch_embedding_bias_;
  // condition_embedder
  Linear time_embedder_1_, time_embedder_2_, time_proj_, text_embedder_1_, text_embedder_2_;
  std::optional<WanImageEmbedding> image_embedder_;
  std::vector<WanTransformerBlock> blocks_;
  at::Tensor scale_shift_table_;  // [1, 2, dim], of the output
  Linear proj_out_;
};

}  // namespace wan::model
