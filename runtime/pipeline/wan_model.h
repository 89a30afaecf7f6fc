#pragma once
// A model directory in memory: tokenizer, text encoder, transformer, VAE and, for image to video, image
// encoder.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "runtime/device/device.h"
#include "runtime/model/autoencoder_kl_wan.h"
#include "runtime/model/clip_vision_model.h"
#include "runtime/model/umt5_encoder.h"
#include "runtime/model/wan_transformer.h"
#include "runtime/pipeline/generator.h"
#include "runtime/tokenizer/tokenizer.h"

namespace wan::pipeline {

struct WanModel {
  ModelInfo info;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  std::optional<model::UMT5EncoderModel> text_encoder;  // empty once a single generation has used it
  std::optional<model::CLIPVisionModel> image_encoder;  // image to video only
  std::optional<model::WanTransformer3DModel> transformer;
  std::optional<model::AutoencoderKLWan> vae;
};

// A directory in the diffusers or the official layout; weights may have official or diffusers keys. Errors
// name the file and the keys. `precision`: auto, fp32 or bf16, for the transformer and the text encoder; the
// others are fp32. `progress` hears of the phases Hash (bytes) and Load (components); `between_tensors` may
// throw to end it.
[[nodiscard]] Result<std::unique_ptr<WanModel>> load_model(const std::filesystem::path& directory,
                                                           const device::Device& device,
                                                           const ProgressSink& progress,
                                                           const std::string& precision = "auto",
                                                           const model::Checkpoint& between_tensors = {});

}  // namespace wan::pipeline
