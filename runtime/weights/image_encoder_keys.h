#pragma once
// Names of the image encoder's weights. The published .pth holds the whole open-clip model under official
// names; the runtime uses those of transformers' CLIPVisionModel ("vision_model. ..."), without its
// projection.

#include "runtime/weights/stored_tensor.h"

namespace wan::weights {

[[nodiscard]] bool has_official_image_encoder_keys(const StoredTensors& tensors);

// Official names to those of transformers: the text tower and the projections are left out, the fused
// to_qkv becomes q_proj, k_proj and v_proj (views of the same bytes), leading sides of one go.
[[nodiscard]] StoredTensors rename_official_image_encoder(StoredTensors tensors);

// Transformers' names with or without the prefix "vision_model." to those with it; what is not of the image
// tower is left out.
[[nodiscard]] StoredTensors normalize_image_encoder(StoredTensors tensors);

}  // namespace wan::weights
