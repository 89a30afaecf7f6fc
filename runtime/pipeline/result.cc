// The values of generator.h that need no torch.

#include <algorithm>
#include <memory>
#include <vector>

#include "runtime/pipeline/generator.h"

namespace wan::pipeline {

namespace {

InputImage grey_image(int width, int height) {
  constexpr uint8_t kGrey = 128;
  return {width, height, std::vector<uint8_t>(size_t{3} * width * height, kGrey), ""};
}

}  // namespace

ResolvedGeneration probe_generation(const ModelInfo& info) {
  ResolvedGeneration probe;
  probe.task = info.defaults.task;
  probe.prompt = "a probe";
  probe.width = 64;
  probe.height = 64;
  probe.frames = 5;  // two latent frames: the decoder's first-frame path and its steady path
  probe.fps = info.defaults.fps;
  probe.steps = 1;
  probe.guidance_scale = info.defaults.guidance_scale;
  probe.shift = info.defaults.shift;
  probe.sampler = info.defaults.sampler;
  if (probe.task == "image-to-video") probe.image = std::make_shared<InputImage>(grey_image(64, 64));
  return probe;
}

Json to_json(const GenerationResult& result) {
  return {{"sha256", result.sha256},
          {"bytes", result.bytes},
          {"width", result.width},
          {"height", result.height},
          {"frames", result.frames},
          {"fps", result.fps},
          {"durationSeconds", result.duration_seconds},
          {"codec", result.codec},
          {"seed", result.seed},
          {"framesSha256", result.frames_sha256},
          {"modelDigest", result.model_digest},
          {"numericsId", result.numerics_id}};
}

}  // namespace wan::pipeline
