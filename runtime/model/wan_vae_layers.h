#pragma once
// The layers of the Wan VAE: convolutions that look back in time only, so that a video passes through in
// chunks of any size with memory that does not grow with its length. Names follow diffusers.

#include <ATen/core/Tensor.h>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model/layers.h"
#include "runtime/model/picture_kernels.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

// x / |x| * sqrt(channels) * gamma, the length taken over the channels (dimension 1).
[[nodiscard]] at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma);
[[nodiscard]] at::Tensor norm_silu(const at::Tensor& x, const at::Tensor& gamma);

// Twice the height and width of x [frames, channels, height, width], every pixel four times.
[[nodiscard]] at::Tensor upsample_nearest_exact(const at::Tensor& x);

// Where pictures [..., height, width] are so large that megabytes count for more than milliseconds: memory
// that was freed before goes back to the system.
void give_back_if_large(const at::Tensor& pictures);

// The past of one video: the last input frames of every convolution in time, in the order in which a forward
// meets them.
class FeatCache {
 public:
  // Begins a forward of the next chunk. The first chunk of a video is its first frame alone.
  void begin_chunk();
  [[nodiscard]] bool first_chunk() const { return chunks_ == 1; }

  // The next convolution's past; empty before its first use (then it counts as zeros). One tensor, or for our
  // own kernels the frames as they take them, or what those add to the next two results.
  [[nodiscard]] Frames& next();

  // Where the forward is, to return there or to pass over a part whose past would not change.
  [[nodiscard]] size_t position() const { return next_; }
  void move_to(size_t position) { next_ = position; }

  // What a stage of the encoder made of the chunk before.
  struct Stage {
    at::Tensor input, output;  // output: undefined unless the next chunk may repeat it
    int64_t repeats = 0;       // so many chunks before this one had the same input, without a break
    size_t end = 0;            // position after the stage
  };
  [[nodiscard]] Stage& stage(size_t index);

 private:
  std::vector<Frames> slots_;
  std::vector<Stage> stages_;
  size_t next_ = 0;
  int64_t chunks_ = 0;
};

class WanCausalConv3d {
 public:
  at::Tensor weight, bias;

  WanCausalConv3d() = default;
  WanCausalConv3d(weights::StateDict& state, const std::string& name, int64_t in, int64_t out,
                  std::initializer_list<int64_t> kernel);
  // x [1, in, frames, height, width]; looks two frames back into `cache`.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x, FeatCache& cache) const;
  // Of norm_silu(x, gamma); `residual` is added where there is one. Both are let go of as soon as they have
  // been read, and the result may take the residual's memory: whoever has no more use for them moves them in.
  [[nodiscard]] at::Tensor after_norm(at::Tensor x, const at::Tensor& gamma, FeatCache& cache,
                                      at::Tensor residual = {}) const;

 private:
  [[nodiscard]] at::Tensor own(at::Tensor x, const at::Tensor& gamma, FeatCache& cache,
                               at::Tensor residual) const;
  [[nodiscard]] at::Tensor own_sums(at::Tensor x, const at::Tensor& gamma, FeatCache& cache) const;

  at::Tensor by_time_;  // [times * out, in, 1, rows, columns], where own_sums() is to be used
};

struct WanResidualBlock {
  static constexpr int64_t kLookBack = 4;  // frames: two convolutions of two

  at::Tensor norm1, norm2;
  WanCausalConv3d conv1, conv2;
  std::optional<WanCausalConv3d> conv_shortcut;  // where the widths differ

  WanResidualBlock(weights::StateDict& state, const std::string& name, int64_t in, int64_t out);
  [[nodiscard]] at::Tensor forward(at::Tensor x, FeatCache& cache) const;
};

// One head, within each frame.
struct WanAttentionBlock {
  at::Tensor norm, to_qkv_weight, to_qkv_bias, proj_weight, proj_bias;

  WanAttentionBlock(weights::StateDict& state, const std::string& name, int64_t dim);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
};

struct WanMidBlock {
  WanResidualBlock resnet_0;
  WanAttentionBlock attention;
  WanResidualBlock resnet_1;

  WanMidBlock(weights::StateDict& state, const std::string& name, int64_t dim);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, FeatCache& cache) const;
};

// Twice the height and width, half the channels; with a time convolution twice the frames before, but for the
// first frame of a video, which stays one frame.
struct WanUpsample {
  at::Tensor resample_weight, resample_bias;
  DoubledConvolution doubled;  // the same, for our own kernels
  std::optional<WanCausalConv3d> time_conv;

  WanUpsample(weights::StateDict& state, const std::string& name, int64_t dim, bool in_time);
  // The frames; then height and width, frame by frame.
  [[nodiscard]] at::Tensor in_time(const at::Tensor& x, FeatCache& cache) const;
  [[nodiscard]] at::Tensor in_space(const at::Tensor& x) const;
};

// Half the height and width; with a time convolution half the frames as well, but for the first frame of a
// video. REQUIRES then an even number of frames in every later chunk.
struct WanDownsample {
  at::Tensor resample_weight, resample_bias;
  std::optional<WanCausalConv3d> time_conv;

  WanDownsample(weights::StateDict& state, const std::string& name, int64_t dim, bool in_time);
  // Height and width, frame by frame; then the frames.
  [[nodiscard]] at::Tensor in_space(const at::Tensor& x) const;
  [[nodiscard]] at::Tensor in_time(const at::Tensor& smaller, FeatCache& cache) const;
};

}  // namespace wan::model
