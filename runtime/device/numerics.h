#pragma once
// The numerics plan: everything besides the model and the request that can change a bit of the result. A
// function of machine class and settings, never of timings or free memory. Equal plans give the same bytes.

#include <string>

#include "base/json/json.h"
#include "base/result.h"

namespace wan::device {

struct NumericsPlan {
  std::string torch;  // build of LibTorch
  std::string device = "cpu";
  std::string cpu_capability;  // the instruction set ATen's kernels were chosen for
  std::string blas;            // what the matrix libraries choose their kernels by: the CPU model
  int threads = 1;             // work is split by it, so sums depend on it
  std::string precision = "fp32";
  std::string matrices = "aten";  // or our own kernels (kernels.h) and their revision
  std::string attention = "aten-sdpa";
  std::string convolution = "onednn";   // of the VAE
  std::string guidance = "sequential";  // two forwards a step, not one of batch two
  int vae_chunk_frames = 1;             // latent frames decoded at a time
  std::string text_padding = "one-row";
  std::string noise = "cpu-mt19937";
  std::string encoder;  // everything of wan-media that shows in the mp4
};

[[nodiscard]] Json to_json(const NumericsPlan& plan);

// "sha256:..." of the plan's canonical JSON.
[[nodiscard]] Result<std::string> numerics_id(const NumericsPlan& plan);

}  // namespace wan::device
