#pragma once
// Reading the golden vectors (tests/golden/data) and comparing with them.

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "runtime/pipeline/generation.h"
#include "runtime/pipeline/wan_model.h"
#include "runtime/weights/key_map.h"
#include "runtime/weights/state_dict.h"

namespace wan::golden {

// tests/golden/data/`path`
[[nodiscard]] std::filesystem::path data(const std::string& path);

// Readers that end the test program with the message when a file is not as it should be.
[[nodiscard]] Json read_json_file(const std::filesystem::path& file);
using Tensors = std::map<std::string, at::Tensor>;
[[nodiscard]] Tensors read_tensors(const std::filesystem::path& file);
// Weights with official keys, ready for a model.
[[nodiscard]] weights::StateDict official_weights(weights::Component component,
                                                  const std::filesystem::path& file,
                                                  at::ScalarType compute = at::kFloat);

// A PNG, through the real decoder.
[[nodiscard]] pipeline::InputImage decoded_image(const std::filesystem::path& file);

// |ours - golden| / |golden| over all elements, in double.
[[nodiscard]] double relative_l2(const at::Tensor& ours, const at::Tensor& golden);
[[nodiscard]] double max_difference(const at::Tensor& ours, const at::Tensor& golden);

// Our bf16 errors over those of the official bf16 run, both against the fp32 golden.
struct Bf16Ratios {
  std::vector<double> ratios;
  void add(const std::string& what, double error, double official);
  // The limits: the geometric mean at most 1.1, any single one at most 1.5.
  void check() const;
};

// After every step within 1e-5; `golden` [steps, ...]. REQUIRES as many of ours.
void expect_latents(const std::string& what, const std::vector<at::Tensor>& ours, const at::Tensor& golden);

// The latents decoded: off by one at most, in at most one of a thousand values.
void expect_frames(const std::string& what, const pipeline::WanModel& model, const at::Tensor& latents,
                   const at::Tensor& golden);

// Prints the figure, so that a log shows how far below the limit it is.
void report(const std::string& what, double figure);

}  // namespace wan::golden
