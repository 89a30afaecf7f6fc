#include "tests/golden/support.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>

#include "base/io/file.h"
#include "runtime/media/image_decoder.h"
#include "runtime/weights/safetensors.h"
#include "tests/support/paths.h"

namespace wan::golden {
namespace {

template <typename T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  std::cerr << "golden data: " << result.error().message << "\n";
  std::exit(1);
}

double norm(const at::Tensor& x) { return at::linalg_vector_norm(x.to(at::kDouble), 2).item<double>(); }

}  // namespace

std::filesystem::path data(const std::string& path) {
  return testing::source_dir() / "tests/golden/data" / path;
}

Json read_json_file(const std::filesystem::path& file) { return must(parse_json(must(read_file(file)))); }

Tensors read_tensors(const std::filesystem::path& file) {
  Tensors tensors;
  for (const auto& [name, stored] : must(weights::open_safetensors(file))) {
    tensors.emplace(name, weights::to_tensor(stored));
  }
  return tensors;
}

weights::StateDict official_weights(weights::Component component, const std::filesystem::path& file,
                                    at::ScalarType compute) {
  auto tensors = weights::with_diffusers_keys(component, must(weights::open_safetensors(file)));
  return weights::StateDict(std::move(tensors), c10::kCPU, compute);
}

void Bf16Ratios::add(const std::string& what, double error, double official) {
  report(what + " bf16, of the official bf16 error", error / official);
  EXPECT_LE(error / official, 1.5) << what;
  ratios.push_back(error / official);
}

void Bf16Ratios::check() const {
  double log_sum = 0;
  for (const double ratio : ratios) log_sum += std::log(ratio);
  EXPECT_LE(std::exp(log_sum / static_cast<double>(ratios.size())), 1.1);
}

pipeline::InputImage decoded_image(const std::filesystem::path& file) {
  media::Image image = must(media::decode_image_file(testing::program_dir() / "wan-media", file));
  return {image.width, image.height, std::move(image.rgb), ""};
}

double relative_l2(const at::Tensor& ours, const at::Tensor& golden) {
  if (ours.sizes() != golden.sizes()) return 1e30;
  return norm(at::sub(ours.to(at::kDouble), golden.to(at::kDouble))) / norm(golden);
}

double max_difference(const at::Tensor& ours, const at::Tensor& golden) {
  if (ours.sizes() != golden.sizes()) return 1e30;
  return at::max(at::sub(ours.to(at::kDouble), golden.to(at::kDouble)).abs()).item<double>();
}

void report(const std::string& what, double figure) {
  std::printf("           %s: %.2e\n", what.c_str(), figure);
}

}  // namespace wan::golden
