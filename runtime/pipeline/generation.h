#pragma once
// One generation as values: what a VideoJob asks for, what the model defaults to, and what was resolved.
// No torch here: jobs/, service/ and cli/ include this and generator.h only.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"

namespace wan::pipeline {

// The picture that an image-to-video generation starts from, decoded.
struct InputImage {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height rows of width RGB triples
  std::string digest;        // "sha256:..." of the file
};

// The generation fields of VideoJob.spec; unset means "the model's default".
struct GenerationSpec {
  std::optional<std::string> prompt;  // required; may be empty
  std::optional<std::string> negative_prompt;
  std::optional<std::string> size;  // "WIDTHxHEIGHT"
  std::optional<int> frames;        // 4n+1
  std::optional<int> fps;
  std::optional<int> steps;
  std::optional<double> guidance_scale;
  std::optional<double> shift;
  std::optional<std::string> sampler;
  std::optional<int64_t> seed;  // 0..4294967295
  std::shared_ptr<const InputImage> image;
};

// The model's own defaults: `generation_config.json` in the model directory (also the store's config blob).
struct GenerationDefaults {
  std::string task = "text-to-video";
  std::string size;
  int frames = 0;
  int fps = 16;
  int steps = 0;
  double guidance_scale = 0;
  double shift = 0;
  // At 832x480 and 480x832, where the official image-to-video program takes another one.
  std::optional<double> shift_480p;
  std::string sampler = "unipc";
  std::string negative_prompt;
};

// Every value set: the input of jobHash (design promise 2) together with model digest, precision and codec
// settings.
struct ResolvedGeneration {
  std::string task;
  std::string prompt;
  std::string negative_prompt;
  int width = 0;
  int height = 0;
  int frames = 0;
  int fps = 0;
  int steps = 0;
  double guidance_scale = 0;
  double shift = 0;
  std::string sampler;
  int64_t seed = 0;
  std::string precision = "fp32";
  std::shared_ptr<const InputImage> image;  // of image to video; as JSON its digest
};

// From VideoJob.spec's JSON field names (prompt, negativePrompt, size, frames, fps, steps, guidanceScale,
// shift, sampler, seed). Fields of VideoJob.spec that are not about the generation are ignored here; the
// callers check unknown ones.
[[nodiscard]] Result<GenerationSpec> generation_spec_from_json(const Json& spec);
[[nodiscard]] Result<GenerationDefaults> read_generation_defaults(const std::filesystem::path& model_dir);
[[nodiscard]] Json to_json(const GenerationDefaults& defaults);
[[nodiscard]] Json to_json(const ResolvedGeneration& generation);

// Fills the gaps from `defaults` and checks ranges: prompt up to 4096 characters of UTF-8, sides multiples of
// 16 from 16 to 4096, frames 4n+1 from 1 to 1025, fps 1..120, steps 1..1000, guidanceScale 0..100, shift
// 0.01..100, sampler one of scheduler::sampler_names(). A missing seed is the first 32 bits of SHA-256 over
// the canonical JSON of {namespace, name, and the resolved fields without seed}: applying the same manifest
// again finds the same video. Of an image-to-video model `size` says how many pixels a frame has, the image
// their shape (video_size.h). Every error names the field, the value and what is allowed.
[[nodiscard]] Result<ResolvedGeneration> resolve(const GenerationSpec& spec,
                                                 const GenerationDefaults& defaults,
                                                 const std::string& namespace_, const std::string& name);

}  // namespace wan::pipeline
