#pragma once
// AutoencoderKLWan, the decoder: latents to frames, one latent frame at a time, so that memory does not grow
// with the length of the video. Each causal convolution keeps its last two input frames. Names follow
// diffusers.

#include <ATen/core/Tensor.h>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/layers.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

// x / |x| * sqrt(channels) * gamma, the length taken over the channels (dimension 1).
[[nodiscard]] at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma);

// The history of every causal convolution, in the order in which a forward meets them.
class FeatCache {
 public:
  // The next convolution's last input frames; undefined before its first use (then they count as zeros).
  [[nodiscard]] at::Tensor& next();
  void rewind() { next_ = 0; }

 private:
  std::vector<at::Tensor> slots_;
  size_t next_ = 0;
};

struct WanCausalConv3d {
  at::Tensor weight, bias;

  WanCausalConv3d() = default;
  WanCausalConv3d(weights::StateDict& state, const std::string& name, int64_t in, int64_t out,
                  std::initializer_list<int64_t> kernel);
  // x [1, in, frames, height, width]; looks two frames back into `cache`.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x, FeatCache& cache) const;
};

struct WanResidualBlock {
  at::Tensor norm1, norm2;
  WanCausalConv3d conv1, conv2;
  std::optional<WanCausalConv3d> conv_shortcut;  // where the widths differ

  WanResidualBlock(weights::StateDict& state, const std::string& name, int64_t in, int64_t out);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, FeatCache& cache) const;
};

// One head, within each frame.
struct WanAttentionBlock {
  at::Tensor norm, to_qkv_weight, to_qkv_bias, proj_weight, proj_bias;

  WanAttentionBlock(weights::StateDict& state, const std::string& name, int64_t dim);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
};

// Twice the height and width, half the channels; with a time convolution twice the frames as well.
struct WanUpsample {
  at::Tensor resample_weight, resample_bias;
  std::optional<WanCausalConv3d> time_conv;

  WanUpsample(weights::StateDict& state, const std::string& name, int64_t dim, bool in_time);
  // The first latent frame of a video stays one frame.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, bool first, FeatCache& cache) const;
};

struct WanUpBlock {
  std::vector<WanResidualBlock> resnets;
  std::optional<WanUpsample> upsampler;
};

class AutoencoderKLWan {
 public:
  // Takes the decoder's weights; the encoder's are passed over.
  AutoencoderKLWan(const AutoencoderKLWanConfig& config, weights::StateDict& state);

  // latents [z_dim, frames, height, width] as the transformer makes them -> the decoder's scale.
  [[nodiscard]] at::Tensor denormalize(const at::Tensor& latents) const;

  // One denormalized latent frame [z_dim, 1, h, w] -> [3, 1 if it is the first else 4, 8h, 8w], about -1..1,
  // not clamped. `cache` belongs to the video; frames must come in order.
  [[nodiscard]] at::Tensor decode_frame(const at::Tensor& latent, bool first, FeatCache& cache,
                                        const Checkpoint& between_blocks) const;

  [[nodiscard]] const AutoencoderKLWanConfig& config() const { return config_; }

 private:
  AutoencoderKLWanConfig config_;
  at::Tensor latents_mean_, latents_inverse_std_;  // [z_dim, 1, 1, 1]
  WanCausalConv3d post_quant_conv_, conv_in_, conv_out_;
  std::vector<WanResidualBlock> mid_resnets_;
  std::vector<WanAttentionBlock> mid_attentions_;
  std::vector<WanUpBlock> up_blocks_;
  at::Tensor norm_out_;
};

}  // namespace wan::model
