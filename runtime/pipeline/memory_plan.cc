#include "runtime/pipeline/memory_plan.h"

#include <algorithm>
#include <functional>

namespace wan::pipeline {
namespace {

constexpr int64_t kFloat = 4, kHalf = 2;
constexpr int64_t kSpatial = 8, kTemporal = 4;  // pixels per latent pixel, frames per latent frame
constexpr int64_t kPrompts = 2;                 // the prompt and the negative prompt
// Latents, noise, two predictions, their blend, and the sampler's last two results.
constexpr int64_t kLatentCopies = 7;
// What a convolution of the VAE holds at once: the residual that waits, its normed copy, that joined with its
// history, that in the kernel's own layout, the output. An upsampling one: the enlarged picture, that in the
// kernel's layout, an output of half the width.
constexpr int64_t kConvolutionCopies = 5, kUpsampleCopies = 3;
constexpr int64_t kFeedForwardChunk = 24 << 20;
constexpr int64_t kHistoryFrames = 2;  // that each causal convolution keeps of its input

int64_t latent_frames(int64_t frames) { return (frames - 1) / kTemporal + 1; }

int64_t latent_bytes(int64_t channels, const MemoryRequest& request) {
  return channels * latent_frames(request.frames) * (request.height / kSpatial) * (request.width / kSpatial) *
         kFloat;
}

}  // namespace

// 512 rows: hidden and its norm (fp32); then the larger of q, k, v, result and two score matrices per head
// (fp32), or gate, value and their product.
int64_t text_encoder_activations(const model::UMT5Config& config, bool bf16) {
  const int64_t rows = model::kTextLength, element = bf16 ? kHalf : kFloat;
  const int64_t hidden = 2 * rows * config.d_model * kFloat;
  const int64_t attention =
      4 * rows * config.num_heads * config.d_kv * element + 2 * config.num_heads * rows * rows * kFloat;
  const int64_t feed_forward = 3 * rows * config.d_ff * element;
  return hidden + std::max(attention, feed_forward);
}

// One row per patch and one for the class: as above, without gate.
int64_t image_encoder_activations(const model::CLIPVisionConfig& config) {
  const int64_t side = config.image_size / config.patch_size, rows = side * side + 1;
  const int64_t attention = 4 * rows * config.hidden_size + 2 * config.num_attention_heads * rows * rows;
  return (2 * rows * config.hidden_size + std::max(attention, 2 * rows * config.intermediate_size)) * kFloat;
}

// N = frames/4 * height/16 * width/16 tokens: the residual (fp32), the normed and modulated input; then the
// larger of q, k, v and their rotated or normed copies and the result, or the result of the feed-forward,
// whose hidden layer is computed a chunk of rows at a time (model/layers.cc). No matrix of N x N: attention
// works in tiles. Besides: the rotary table, the text's keys and values of every layer for both prompts, the
// latents.
int64_t transformer_activations(const model::WanTransformer3DConfig& config, const MemoryRequest& request) {
  const int64_t element = request.bf16 ? kHalf : kFloat, dim = config.inner_dim();
  const int64_t tokens =
      latent_frames(request.frames) * (request.height / kSpatial / 2) * (request.width / kSpatial / 2);
  const int64_t residual = tokens * dim * (kFloat + kFloat + element);
  const int64_t attention = tokens * dim * (4 * element + 6 * kFloat);
  const int64_t feed_forward = tokens * config.inner_dim() * element + 2 * kFeedForwardChunk;
  const int64_t rotary = tokens * config.attention_head_dim * 2 * kFloat;
  const int64_t text = kPrompts * config.num_layers * 2 * model::kTextLength * dim * element;
  return residual + std::max(attention, feed_forward) + rotary + text +
         kLatentCopies * latent_bytes(config.out_channels, request);
}

// Stage i works at 1/8, 1/4, 1/2, 1/1 of the size on c, 2c, 4c, 4c frames (one more doubling where the stage
// before doubles time) with the widths of dim_mult, back to front. Behind the last doubling of time the
// frames pass one by one, while that stage's output waits whole. The widest moment is one convolution of the
// largest stage; each of the stage's 2 * (num_res_blocks + 1) causal convolutions keeps two frames, and so
// does the last one of all.
int64_t vae_chunk_activations(const model::AutoencoderKLWanConfig& config, const MemoryRequest& request) {
  int64_t largest = 0, history = 0, waiting = 0;
  int64_t rows = request.height / kSpatial, columns = request.width / kSpatial,
          frames = request.vae_chunk_frames;
  const size_t stages = config.dim_mult.size();
  for (size_t i = 0; i < stages; ++i) {
    const int64_t width = config.decoder_dim(i);
    const int64_t frame = width * rows * columns * kFloat;
    largest = std::max(largest, kConvolutionCopies * frame * (frames + kHistoryFrames) + waiting);
    history += 2 * (config.num_res_blocks + 1) * kHistoryFrames * frame;
    if (i + 1 == stages) history += kHistoryFrames * frame;
    if (i + 1 == stages) break;
    rows *= 2;
    columns *= 2;
    const bool in_time = config.temperal_downsample[stages - 2 - i];
    if (in_time) frames *= 2;
    // The upsampled picture has the old width until the convolution halves it.
    const int64_t upsampled = width * rows * columns * kFloat;
    largest = std::max(largest, kUpsampleCopies * upsampled * frames + waiting);
    const bool last_in_time =
        in_time && !std::any_of(config.temperal_downsample.begin(),
                                config.temperal_downsample.end() - (i + 1), std::identity());
    if (last_in_time) {
      waiting = upsampled / 2 * frames;
      frames = 1;
    }
  }
  return largest + history;
}

std::vector<PhaseMemory> plan_memory(const ModelDims& dims, const WeightBytes& weights,
                                     const MemoryRequest& request) {
  std::vector<PhaseMemory> phases;
  const auto add = [&](const char* phase, const PartBytes& used, int64_t activations,
                       std::initializer_list<PartBytes> loaded) {
    PhaseMemory memory = {.phase = phase, .weights = used.total(), .activations = activations + used.widened};
    memory.host_least = memory.device = memory.activations;
    for (const PartBytes& part : loaded) {
      memory.host_least += part.own;
      memory.device += part.total();
    }
    memory.host_least += kProgramBytes;
    memory.host = memory.host_least + used.mapped;
    phases.push_back(std::move(memory));
  };
  const auto& [text, image, transformer, vae] = weights;
  const int64_t latents = latent_bytes(dims.vae.z_dim, request);
  add("TextEncode", text, text_encoder_activations(dims.text_encoder, request.bf16),
      {text, image, transformer, vae});
  if (dims.image_encoder) {
    // The image tower, then the VAE's encoder: chunks of four frames, as through a decoder of its widths.
    MemoryRequest chunk = request;
    chunk.vae_chunk_frames = 1;
    model::AutoencoderKLWanConfig encoder = dims.vae;
    encoder.decoder_base_dim.reset();
    add("ImageEncode", {image.mapped + vae.mapped, image.own + vae.own, image.widened},
        std::max(image_encoder_activations(*dims.image_encoder),
                 vae_chunk_activations(encoder, chunk) + latents),
        {image, transformer, vae});
  }
  add("Denoise", transformer, transformer_activations(dims.transformer, request), {transformer, vae});
  add("Decode", vae, vae_chunk_activations(dims.vae, request) + latents, {vae});
  return phases;
}

}  // namespace wan::pipeline
