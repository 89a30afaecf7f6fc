#include "runtime/device/numerics.h"

#include "base/crypto/sha256.h"

namespace wan::device {

Json to_json(const NumericsPlan& plan) {
  return {{"torch", plan.torch},
          {"device", plan.device},
          {"cpuCapability", plan.cpu_capability},
          {"blas", plan.blas},
          {"threads", plan.threads},
          {"precision", plan.precision},
          {"matrices", plan.matrices},
          {"attention", plan.attention},
          {"convolution", plan.convolution},
          {"guidance", plan.guidance},
          {"vaeChunkFrames", plan.vae_chunk_frames},
          {"textPadding", plan.text_padding},
          {"noise", plan.noise},
          {"encoder", plan.encoder}};
}

Result<std::string> numerics_id(const NumericsPlan& plan) {
  WAN_TRY(const std::string text, canonical_json(to_json(plan)));
  return sha256_digest(text);
}

}  // namespace wan::device
