#pragma once
// How much arithmetic a denoising step and the decoding take, from dimensions alone; multiply-adds count as
// two. For telling the time left before anything of the kind has been timed; nothing is decided by it.

#include "runtime/pipeline/memory_plan.h"

namespace wan::pipeline {

// One forward of the transformer over all tokens, with cross-attention to 512 text rows.
[[nodiscard]] double transformer_operations(const model::WanTransformer3DConfig& config,
                                            const MemoryRequest& request);

// The whole video through the VAE's decoder: its convolutions.
[[nodiscard]] double vae_decode_operations(const model::AutoencoderKLWanConfig& config,
                                           const MemoryRequest& request);

// The time of decoding in units of a step of two forwards (guidance). Convolutions run at about half the pace
// of matrix products on CPUs.
[[nodiscard]] double decode_in_steps(const model::WanTransformer3DConfig& transformer,
                                     const model::AutoencoderKLWanConfig& vae, const MemoryRequest& request);

}  // namespace wan::pipeline
