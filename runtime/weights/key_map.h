#pragma once
// Names of weights. The model code uses the names of diffusers and transformers; checkpoints with the names
// of the official repository are renamed on the way in.

#include <string>
#include <string_view>

#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

enum class Component { kTextEncoder, kImageEncoder, kTransformer, kVae };

// "text_encoder", "image_encoder", "transformer", "vae": the folder of the diffusers layout.
[[nodiscard]] std::string_view to_string(Component component);

// Whether the keys are the official ones. Must be asked of the whole set: `blocks.0.norm2` is a name in both
// worlds and means different layers.
[[nodiscard]] bool has_official_keys(Component component, const StoredTensors& tensors);

// The diffusers name of an official key. Keys it does not know stay as they are (and are reported as extra).
// Not for the image encoder, where one official tensor becomes several: see image_encoder_keys.h.
[[nodiscard]] std::string diffusers_key(Component component, std::string_view official);

// Renames official keys and takes away what repacks put in front ("model.diffusion_model."); diffusers keys
// pass unchanged.
[[nodiscard]] StoredTensors with_diffusers_keys(Component component, StoredTensors tensors);

}  // namespace wan::weights
