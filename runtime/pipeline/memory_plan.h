#pragma once
// How much memory a generation needs, phase by phase, from the model's dimensions and the request alone:
// never from what happens to be free. An estimate of the anonymous memory of a run on the host: weights,
// activations of the largest layer, and what stays alive between layers. The formulas are in memory_plan.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model/config.h"

namespace wan::pipeline {

struct ModelDims {
  model::UMT5Config text_encoder;
  std::optional<model::CLIPVisionConfig> image_encoder;
  model::WanTransformer3DConfig transformer;
  model::AutoencoderKLWanConfig vae;
};

// Bytes of each part's weights as the run holds them.
struct PartBytes {
  int64_t text_encoder = 0, image_encoder = 0, transformer = 0, vae = 0;
};

struct MemoryRequest {
  int64_t width = 0, height = 0, frames = 0;  // pixels, multiples of 16; 4n+1
  bool bf16 = false;                          // matrices and attention; the rest stays fp32
  int64_t vae_chunk_frames = 1;               // latent frames decoded at a time
};

struct PhaseMemory {
  std::string phase;  // TextEncode, ImageEncode, Denoise, Decode
  int64_t weights = 0;
  int64_t activations = 0;
  [[nodiscard]] int64_t total() const { return weights + activations; }
};

// In the order of a run. Each phase counts the weights it computes with.
[[nodiscard]] std::vector<PhaseMemory> plan_memory(const ModelDims& dims, const PartBytes& weights,
                                                   const MemoryRequest& request);

// Activations alone, in bytes.
[[nodiscard]] int64_t text_encoder_activations(const model::UMT5Config& config, bool bf16);
[[nodiscard]] int64_t image_encoder_activations(const model::CLIPVisionConfig& config);
[[nodiscard]] int64_t transformer_activations(const model::WanTransformer3DConfig& config,
                                              const MemoryRequest& request);
// One chunk through the decoder, constant in the number of frames.
[[nodiscard]] int64_t vae_chunk_activations(const model::AutoencoderKLWanConfig& config,
                                            const MemoryRequest& request);

}  // namespace wan::pipeline
