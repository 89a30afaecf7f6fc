#include "tests/golden/support.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/max.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>

#include "base/io/file.h"
#include "runtime/media/image_decoder.h"
#include "runtime/pipeline/wan_pipeline.h"
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

void expect_latents(const std::string& what, const std::vector<at::Tensor>& ours, const at::Tensor& golden) {
  for (size_t i = 0; i < ours.size(); ++i) {
    const double error = relative_l2(ours[i], golden[static_cast<int64_t>(i)]);
    report(what + " latents after step " + std::to_string(i + 1), error);
    EXPECT_LE(error, 1e-5) << "step " << i;
  }
}

void expect_frames(const std::string& what, const pipeline::WanModel& model, const at::Tensor& latents,
                   const at::Tensor& golden) {
  std::vector<at::Tensor> frames;
  const auto collect = [&](const at::Tensor& more) -> Status {
    frames.push_back(more);
    return {};
  };
  ASSERT_TRUE(pipeline::decode_latents(model, latents, collect, {}).has_value());
  const at::Tensor ours = at::cat(frames);
  ASSERT_EQ(ours.sizes(), golden.sizes());
  EXPECT_LE(max_difference(ours, golden), 1);
  const double share = at::sum(at::ne(ours, golden)).item<double>() / static_cast<double>(golden.numel());
  report(what + " share of values off by one", share);
  EXPECT_LE(share, 1e-3);
}

void report(const std::string& what, double figure) {
  std::printf("           %s: %.2e\n", what.c_str(), figure);
}

}  // namespace wan::golden
