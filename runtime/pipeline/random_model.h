#pragma once
// A model directory of a published model's dimensions with random weights: for benchmarks and for trying a
// machine before sixty gigabytes are downloaded. Its videos are noise.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "runtime/pipeline/memory_plan.h"

namespace wan::pipeline {

struct RandomModelRequest {
  std::string variant;  // t2v-1.3b, t2v-14b, i2v-14b-480p, i2v-14b-720p
  int64_t layers = 0;   // of text encoder, image encoder and transformer; 0: as published
  int64_t scale = 1;    // divides heads, ffn widths, the VAE's base width (at least one is left of each)
  bool bf16 = true;     // else fp32; the VAE is always fp32, as published
  uint64_t seed = 0;
  std::filesystem::path tokenizer;  // a tokenizer/ folder to copy: token ids are the same for random weights
};

// The published dimensions. kInvalidArgument lists the variants.
[[nodiscard]] Result<ModelDims> variant_dims(const std::string& variant);

// Bytes written and bytes in all.
using WriteProgress = std::function<void(int64_t done, int64_t total)>;

// Writes a directory in the diffusers layout, in constant memory, under a temporary name beside `directory`
// and renames it at the end. Equal requests give equal bytes. kAlreadyExists, kResourceExhausted: not enough
// disk.
[[nodiscard]] Status make_random_model(const RandomModelRequest& request,
                                       const std::filesystem::path& directory, const WriteProgress& progress);

}  // namespace wan::pipeline
