#include "runtime/pipeline/wan_pipeline.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/sub.h>
#include <algorithm>
#include <array>

#include "runtime/pipeline/noise.h"
#include "runtime/tokenizer/prompt_clean.h"

namespace wan::pipeline {
namespace {

constexpr int kSpatialScale = 8;
constexpr int kTemporalScale = 4;

// -1..1 to bytes.
at::Tensor to_bytes(const at::Tensor& video, Rounding rounding) {
  at::Tensor scaled = at::clamp(video, -1, 1).add_(1).div_(2).mul_(255);
  if (rounding == Rounding::kNearest) scaled.add_(0.5);
  return scaled.to(at::kByte).permute({1, 2, 3, 0}).contiguous().to(at::kCPU);
}

}  // namespace

Result<at::Tensor> encode_prompt(const WanModel& model, const std::string& prompt,
                                 const model::Checkpoint& checkpoint) {
  const auto ids = model.tokenizer->encode(tokenizer::clean_prompt(prompt));
  const int64_t vocabulary = model.text_encoder->config().vocab_size;
  if (std::ranges::any_of(ids, [&](int64_t id) { return id >= vocabulary; })) {
    return fail(corrupt("the tokenizer makes ids beyond the text encoder's vocabulary of " +
                        std::to_string(vocabulary)));
  }
  return model.text_encoder->forward(ids, checkpoint);
}

ImageCondition encode_image(const WanModel& model, const InputImage& image, const VideoShape& shape,
                            const LatentFrameSink& on_latent_frame, const model::Checkpoint& checkpoint) {
  const at::Tensor whole = image_tensor(image);  // CLIP sees the original, the VAE the resized image
  const auto& clip = *model.image_encoder;
  const at::Tensor pixels = clip_pixel_values(whole, clip.config().image_size).to(model.vae->device());
  return {.context = model.transformer->encode_image(clip.forward(pixels, checkpoint)),
          .channels = encode_condition(*model.vae, whole, shape, on_latent_frame, checkpoint)};
}

at::Tensor prepare_latents(const WanModel& model, int frames, int height, int width, uint64_t seed) {
  const int64_t latent_frames = (frames - 1) / kTemporalScale + 1;
  const std::array<int64_t, 4> shape = {model.vae->config().z_dim, latent_frames, height / kSpatialScale,
                                        width / kSpatialScale};
  return gaussian_noise(shape, seed);
}

Velocity predict_velocity(const model::WanTransformer3DModel& transformer, const at::Tensor& latents,
                          double timestep, const Guidance& guidance, const at::Tensor& rotary,
                          const model::Checkpoint& checkpoint) {
  const at::Tensor& channels = guidance.image.channels;
  const at::Tensor input = channels.defined() ? at::cat({latents, channels}) : latents;
  const auto forward = [&](const model::TextContext& text) {
    return transformer.forward(input, timestep, text, guidance.image.context, rotary, checkpoint);
  };
  Velocity velocity = {.conditional = forward(guidance.positive)};
  velocity.guided = velocity.conditional;
  if (guidance.scale == 1) return velocity;
  velocity.unconditional = forward(guidance.negative);
  velocity.guided =
      at::add(velocity.unconditional, at::sub(velocity.conditional, velocity.unconditional), guidance.scale);
  return velocity;
}

at::Tensor denoise(const WanModel& model, at::Tensor latents, scheduler::Sampler& sampler,
                   const Guidance& guidance, const StepSink& on_step, const model::Checkpoint& checkpoint) {
  const auto& transformer = *model.transformer;
  const at::Tensor rotary = transformer.rotary(latents.size(1), latents.size(2), latents.size(3));
  latents = latents.to(rotary.device());
  while (!sampler.done()) {
    const Velocity velocity =
        predict_velocity(transformer, latents, sampler.timestep(), guidance, rotary, checkpoint);
    latents = sampler.step(velocity.guided, latents);
    if (on_step) on_step(sampler.steps_done(), latents);
  }
  return latents;
}

Status decode_latents(const WanModel& model, const at::Tensor& latents, const FrameSink& sink,
                      const model::Checkpoint& checkpoint, Rounding rounding) {
  model::FeatCache cache;
  for (int64_t i = 0; i < latents.size(1); ++i) {
    const at::Tensor frames = model.vae->decode(latents.narrow(1, i, 1), cache, checkpoint);
    WAN_TRY_VOID(sink(to_bytes(frames, rounding)));
  }
  return {};
}

}  // namespace wan::pipeline
