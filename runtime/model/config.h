#pragma once
// The components' shapes, from the config.json of each (diffusers' and transformers' field names). What the
// code cannot compute is refused here, by name.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"

namespace wan::model {

struct UMT5Config {
  int64_t vocab_size = 0;
  int64_t d_model = 0;
  int64_t d_kv = 0;  // per head
  int64_t d_ff = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t relative_attention_num_buckets = 32;
  int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
};

struct WanTransformer3DConfig {
  int64_t num_attention_heads = 0;
  int64_t attention_head_dim = 0;
  int64_t in_channels = 16;
  int64_t out_channels = 16;
  int64_t text_dim = 0;
  int64_t freq_dim = 256;
  int64_t ffn_dim = 0;
  int64_t num_layers = 0;
  double eps = 1e-6;
  std::optional<int64_t> image_dim;  // width of the CLIP rows; unset: text to video

  [[nodiscard]] int64_t inner_dim() const { return num_attention_heads * attention_head_dim; }
};

// Latent pixels per token along frames, rows, columns.
inline constexpr std::array<int64_t, 3> kPatchSize = {1, 2, 2};
// Rows of text the transformer attends to: the prompt's, then zero rows.
inline constexpr int64_t kTextLength = 512;

struct AutoencoderKLWanConfig {
  int64_t base_dim = 0;
  std::optional<int64_t> decoder_base_dim;  // unset: the encoder's
  int64_t z_dim = 16;
  std::vector<int64_t> dim_mult;
  int64_t num_res_blocks = 2;
  std::vector<bool> temperal_downsample;  // one fewer than dim_mult
  std::vector<float> latents_mean;        // z_dim of each
  std::vector<float> latents_std;

  // Channels of a stage, which are counted in the order of work: the decoder begins with the smallest
  // pictures.
  [[nodiscard]] int64_t encoder_dim(size_t stage) const { return base_dim * dim_mult[stage]; }
  [[nodiscard]] int64_t decoder_dim(size_t stage) const {
    return decoder_base_dim.value_or(base_dim) * dim_mult[dim_mult.size() - 1 - stage];
  }
};

struct CLIPVisionConfig {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_attention_heads = 0;
  int64_t num_hidden_layers = 0;
  int64_t image_size = 224;  // pixels of a side
  int64_t patch_size = 14;
  double layer_norm_eps = 1e-5;
};

[[nodiscard]] Result<UMT5Config> umt5_config(const Json& json);
[[nodiscard]] Result<WanTransformer3DConfig> wan_transformer_config(const Json& json);
[[nodiscard]] Result<AutoencoderKLWanConfig> autoencoder_config(const Json& json);
[[nodiscard]] Result<CLIPVisionConfig> clip_vision_config(const Json& json);

}  // namespace wan::model
