#pragma once
// Prompt to frames in four steps, named as in diffusers' WanPipeline. Tensors in, tensors out: who wants to
// inject noise or look at every latent calls these.

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/pipeline/image_conditioning.h"
#include "runtime/pipeline/wan_model.h"
#include "runtime/scheduler/sampler.h"

namespace wan::pipeline {

// The prompt cleaned, tokenized and encoded: [tokens, text_dim].
[[nodiscard]] Result<at::Tensor> encode_prompt(const WanModel& model, const std::string& prompt,
                                               const model::Checkpoint& checkpoint);

// What an image adds to every forward; both undefined or empty for text to video.
struct ImageCondition {
  model::ImageContext context;  // of the CLIP tower, for cross-attention
  at::Tensor channels;          // encode_condition(): the latents' further channels
};

// REQUIRES an image-to-video model. The sink hears the VAE's part, which takes nearly all the time.
[[nodiscard]] ImageCondition encode_image(const WanModel& model, const InputImage& image,
                                          const VideoShape& shape, const LatentFrameSink& on_latent_frame,
                                          const model::Checkpoint& checkpoint);

// Noise (noise.h) of the latents' shape: [channels, latent frames, height / 8, width / 8].
[[nodiscard]] at::Tensor prepare_latents(const WanModel& model, int frames, int height, int width,
                                         uint64_t seed);

// Called after each step with its latents.
using StepSink = std::function<void(int done, const at::Tensor& latents)>;

// Classifier-free guidance: unconditional + scale * (conditional - unconditional), two forwards a step; at
// scale 1 the conditional one alone. Both see the image.
struct Guidance {
  model::TextContext positive;
  model::TextContext negative;
  ImageCondition image;
  double scale = 1;
};

// What a step takes: the model's output for either text, and their blend, which the sampler gets.
struct Velocity {
  at::Tensor conditional;
  at::Tensor unconditional;  // undefined at scale 1
  at::Tensor guided;
};

// `rotary` is the transformer's table for the latents' shape.
[[nodiscard]] Velocity predict_velocity(const model::WanTransformer3DModel& transformer,
                                        const at::Tensor& latents, double timestep, const Guidance& guidance,
                                        const at::Tensor& rotary, const model::Checkpoint& checkpoint);

// Goes on from `latents` with the steps that `sampler` has left.
[[nodiscard]] at::Tensor denoise(const WanModel& model, at::Tensor latents, scheduler::Sampler& sampler,
                                 const Guidance& guidance, const StepSink& on_step,
                                 const model::Checkpoint& checkpoint);

// Receives frames [count, height, width, 3] of bytes, contiguous on the CPU, in order.
using FrameSink = std::function<Status(const at::Tensor& frames)>;

// The official code cuts the values of a video to bytes and rounds those of a picture.
enum class Rounding { kDown, kNearest };

// Ends with the sink's first error.
[[nodiscard]] Status decode_latents(const WanModel& model, const at::Tensor& latents, const FrameSink& sink,
                                    const model::Checkpoint& checkpoint, Rounding rounding = Rounding::kDown);

}  // namespace wan::pipeline
