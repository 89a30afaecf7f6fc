#include "runtime/pipeline/operation_count.h"

namespace wan::pipeline {
namespace {

constexpr double kForwards = 2;           // the prompt's and the negative prompt's
constexpr double kConvolutionPace = 0.5;  // of that of matrix products
constexpr int64_t kSpatial = 8, kTemporal = 4, kPatch = 2;

int64_t latent_frames(const MemoryRequest& request) { return (request.frames - 1) / kTemporal + 1; }

}  // namespace

// A layer of width d over n tokens: q, k, v and output of self-attention (8nd^2), its scores and sums
// (4n^2d), q and output of cross-attention (4nd^2) with 512 rows (4n*512*d), the feed-forward (4nd*ffn).
double transformer_operations(const model::WanTransformer3DConfig& config, const MemoryRequest& request) {
  const auto n = static_cast<double>(latent_frames(request) * (request.height / kSpatial / kPatch) *
                                     (request.width / kSpatial / kPatch));
  const auto d = static_cast<double>(config.inner_dim()), ffn = static_cast<double>(config.ffn_dim);
  const double layer =
      12 * n * d * d + 4 * n * n * d + 4 * n * static_cast<double>(model::kTextLength) * d + 4 * n * d * ffn;
  return layer * static_cast<double>(config.num_layers);
}

// Stage by stage from the latents' size, as memory_plan.cc: 2 * (num_res_blocks + 1) convolutions of 3x3x3 at
// the stage's width, and between stages one of 3x3 that halves the width of the enlarged frames.
double vae_decode_operations(const model::AutoencoderKLWanConfig& config, const MemoryRequest& request) {
  double operations = 0;
  auto pixels = static_cast<double>((request.height / kSpatial) * (request.width / kSpatial));
  auto frames = static_cast<double>(latent_frames(request));
  const size_t stages = config.dim_mult.size();
  for (size_t i = 0; i < stages; ++i) {
    const auto width = static_cast<double>(config.decoder_dim(i));
    operations +=
        2.0 * static_cast<double>(config.num_res_blocks + 1) * 2 * 27 * width * width * pixels * frames;
    if (i + 1 == stages) break;
    pixels *= 4;
    if (config.temperal_downsample[stages - 2 - i]) frames *= 2;
    operations += 2 * 9 * width * width / 2 * pixels * frames;
  }
  return operations;
}

double decode_in_steps(const model::WanTransformer3DConfig& transformer,
                       const model::AutoencoderKLWanConfig& vae, const MemoryRequest& request) {
  return vae_decode_operations(vae, request) / kConvolutionPace /
         (kForwards * transformer_operations(transformer, request));
}

}  // namespace wan::pipeline
