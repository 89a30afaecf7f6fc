#include "runtime/pipeline/image_conditioning.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/div.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/zeros.h>
#include <array>
#include <vector>

namespace wan::pipeline {
namespace {

constexpr int64_t kFramesPerLatent = 4;
constexpr int64_t kMaskChannels = 4;
// Of OpenAI's CLIP, red, green, blue.
constexpr std::array<float, 3> kClipMean = {0.48145466F, 0.4578275F, 0.40821073F};
constexpr std::array<float, 3> kClipStd = {0.26862954F, 0.26130258F, 0.27577711F};

at::Tensor by_channel(const std::array<float, 3>& values) { return at::tensor(values).view({3, 1, 1}); }

}  // namespace

at::Tensor image_tensor(const InputImage& image) {
  const at::Tensor bytes = at::from_blob(const_cast<uint8_t*>(image.rgb.data()),
                                         {image.height, image.width, 3}, at::TensorOptions(at::kByte));
  const at::Tensor planes = bytes.permute({2, 0, 1}).to(at::kFloat).contiguous();
  return at::div(planes, 255).sub_(0.5).div_(0.5);
}

at::Tensor resize_image(const at::Tensor& image, int64_t height, int64_t width) {
  return at::upsample_bicubic2d(image.unsqueeze(0), {height, width}, /*align_corners=*/false).squeeze(0);
}

at::Tensor clip_pixel_values(const at::Tensor& image, int64_t side) {
  const at::Tensor unit = resize_image(image, side, side).mul_(0.5).add_(0.5);
  return at::sub(unit, by_channel(kClipMean)).div_(by_channel(kClipStd));
}

at::Tensor condition_mask(int64_t frames, int64_t latent_height, int64_t latent_width) {
  const int64_t latent_frames = (frames - 1) / kFramesPerLatent + 1;
  at::Tensor mask = at::zeros({kMaskChannels, latent_frames, latent_height, latent_width});
  mask.narrow(1, 0, 1).fill_(1);
  return mask;
}

at::Tensor encode_condition(const model::AutoencoderKLWan& vae, const at::Tensor& image,
                            const VideoShape& shape, const LatentFrameSink& on_latent_frame,
                            const model::Checkpoint& checkpoint) {
  model::FeatCache cache;
  const at::Tensor first = resize_image(image, shape.height, shape.width).unsqueeze(1).to(vae.device());
  std::vector<at::Tensor> latents = {vae.encode(first, /*repeated=*/false, cache, checkpoint)};
  const at::Tensor grey = at::zeros({3, kFramesPerLatent, shape.height, shape.width}, first.options());
  for (int64_t done = 1; done < shape.frames; done += kFramesPerLatent) {
    if (on_latent_frame) on_latent_frame(static_cast<int64_t>(latents.size()));
    latents.push_back(vae.encode(grey, /*repeated=*/done > 1, cache, checkpoint));
  }
  const at::Tensor encoded = at::cat(latents, 1);
  const at::Tensor mask = condition_mask(shape.frames, encoded.size(2), encoded.size(3));
  return at::cat({mask.to(vae.device()), encoded});
}

}  // namespace wan::pipeline
