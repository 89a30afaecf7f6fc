#pragma once
// How much memory a generation needs, phase by phase, from the model's dimensions and the request alone:
// never from what happens to be free. Weights, activations of the largest layer, and what stays alive between
// layers; tests/unit/runtime/pipeline/memory holds the formulas (memory_plan.cc) against what runs really
// take.

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

// The weights of one part as a run holds them: `own` was converted when it was loaded, `mapped` stays in the
// files, from where the system drops and reads it as it needs. `widened`: of the largest matrix, where each
// is widened when it is used.
struct PartBytes {
  int64_t mapped = 0, own = 0, widened = 0;
  [[nodiscard]] int64_t total() const { return mapped + own; }
};

struct WeightBytes {
  PartBytes text_encoder, image_encoder, transformer, vae;
};

struct MemoryRequest {
  int64_t width = 0, height = 0, frames = 0;  // pixels, multiples of 16; 4n+1
  bool bf16 = false;                          // matrices and attention; the rest stays fp32
  int64_t vae_chunk_frames = 1;               // latent frames decoded at a time
};

struct PhaseMemory {
  std::string phase;        // TextEncode, ImageEncode, Denoise, Decode
  int64_t weights = 0;      // that it computes with
  int64_t activations = 0;  // at the most at once
  // Computing on the CPU: with all its weights in memory; with none of those that are mapped.
  int64_t host = 0, host_least = 0;
  // Computing on a GPU, which holds every part that is loaded.
  int64_t device = 0;
};

// What the program itself takes, with LibTorch.
inline constexpr int64_t kProgramBytes = 150'000'000;

// In the order of a run of one generation, which frees each part after its last use.
[[nodiscard]] std::vector<PhaseMemory> plan_memory(const ModelDims& dims, const WeightBytes& weights,
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
