#pragma once
// Configurations of the official layout in diffusers' and transformers' field names. The published repository
// has one config.json, the transformer's, with few fields; the rest is read off the weights' shapes.

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/weights/key_map.h"

namespace wan::pipeline {

// `config` is the published config.json; unused but for the transformer. `tensors` have diffusers keys. The
// result is what runtime/model/config.h reads. kCorrupt names a tensor that is missing or has too few sides.
[[nodiscard]] Result<Json> official_config(weights::Component component, const Json& config,
                                           const weights::StoredTensors& tensors);

}  // namespace wan::pipeline
