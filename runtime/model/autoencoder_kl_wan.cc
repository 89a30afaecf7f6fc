#include "runtime/model/autoencoder_kl_wan.h"

#include <ATen/ops/div.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>

#include "runtime/device/memory.h"

namespace wan::model {

AutoencoderKLWan::AutoencoderKLWan(const AutoencoderKLWanConfig& config, weights::StateDict& state,
                                   Parts parts)
    : config_(config),
      post_quant_conv_(state, "post_quant_conv", config.z_dim, config.z_dim, {1, 1, 1}),
      decoder_(config, state) {
  const at::Tensor std = at::tensor(config.latents_std).to(state.device());
  latents_mean_ = at::tensor(config.latents_mean).to(state.device()).view({-1, 1, 1, 1});
  latents_inverse_std_ = std.reciprocal().view({-1, 1, 1, 1});
  if (parts == Parts::kEncoderAndDecoder) {
    encoder_.emplace(config, state);
    quant_conv_ = WanCausalConv3d(state, "quant_conv", 2 * config.z_dim, 2 * config.z_dim, {1, 1, 1});
  } else {
    state.ignore("encoder.");
    state.ignore("quant_conv.");
  }
}

at::Tensor AutoencoderKLWan::encode(const at::Tensor& frames, bool repeated, FeatCache& cache,
                                    const Checkpoint& between_blocks) const {
  const device::FrugalAllocations frugal;
  give_back_if_large(frames);
  cache.begin_chunk();
  const at::Tensor moments =
      quant_conv_(encoder_->forward(frames.unsqueeze(0), repeated, cache, between_blocks), cache).squeeze(0);
  return at::sub(moments.narrow(0, 0, config_.z_dim), latents_mean_).mul_(latents_inverse_std_);
}

at::Tensor AutoencoderKLWan::decode(const at::Tensor& latents, FeatCache& cache,
                                    const Checkpoint& between_blocks) const {
  const device::FrugalAllocations frugal;
  cache.begin_chunk();
  const at::Tensor z = at::div(latents, latents_inverse_std_).add_(latents_mean_).unsqueeze(0);
  return decoder_.forward(post_quant_conv_(z, cache), cache, between_blocks).squeeze(0);
}

}  // namespace wan::model
