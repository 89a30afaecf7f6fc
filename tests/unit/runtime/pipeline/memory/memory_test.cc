// What computing really takes: the same for videos of any length, and with WAN_LONG=1 what the plan says, at
// the size of the promise: T2V-1.3B at 832x480 with 81 frames, one layer of the transformer and two latent
// frames of the VAE.

#include <ATen/ops/randn.h>
#include <atomic>
#include <c10/core/InferenceMode.h>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <malloc.h>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/device/device.h"
#include "runtime/model/autoencoder_kl_wan.h"
#include "runtime/model/wan_transformer.h"
#include "runtime/pipeline/image_conditioning.h"
#include "runtime/pipeline/memory_plan.h"
#include "runtime/pipeline/random_model.h"
#include "runtime/pipeline/tensor_shapes.h"

namespace wan::pipeline {
namespace {

constexpr int64_t kSlack = 8 << 20;  // of the allocator

bool long_form() { return std::getenv("WAN_LONG") != nullptr; }

int64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoll(line.substr(8)) << 10;
  }
  return 0;
}

// The most that `work` takes above what is there before it.
template <typename Work>
int64_t peak_of(const Work& work) {
  ::malloc_trim(0);  // what was freed before is not there
  const int64_t before = anonymous_bytes();
  std::atomic<bool> done = false;
  int64_t peak = before;
  std::thread watcher([&] {
    while (!done) peak = std::max(peak, anonymous_bytes());
  });
  work();
  done = true;
  watcher.join();
  return peak - before;
}

// Weights that are all alike: here nobody looks at the numbers.
weights::StateDict weights_of(const TensorShapes& shapes, at::ScalarType compute) {
  static std::vector<float> values;
  size_t most = 0;
  for (const auto& [name, shape] : shapes) most = std::max<size_t>(most, *weights::element_count(shape));
  if (most > values.size()) values.assign(most, 0.01F);
  weights::StoredTensors tensors;
  for (const auto& [name, shape] : shapes) {
    const auto all = std::as_bytes(std::span(values).first(*weights::element_count(shape)));
    tensors[name] = {.dtype = weights::DType::kF32, .shape = shape, .strides = {}, .bytes = all, .owner = {}};
  }
  return weights::StateDict(std::move(tensors), c10::kCPU, compute);
}

class Memory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(device::choose_device("cpu", 2).has_value()); }

  static model::AutoencoderKLWan vae(const model::AutoencoderKLWanConfig& config) {
    auto state = weights_of(tensor_shapes(config), at::kFloat);
    return {config, state};
  }
  static model::AutoencoderKLWanConfig narrow_vae() {
    auto config = variant_dims("t2v-1.3b")->vae;
    config.base_dim = 24;
    return config;
  }
  static void decode(const model::AutoencoderKLWan& vae, const MemoryRequest& request,
                     int64_t latent_frames) {
    model::FeatCache cache;
    for (int64_t i = 0; i < latent_frames; ++i) {
      const at::Tensor latents = at::randn({16, 1, request.height / 8, request.width / 8});
      static_cast<void>(vae.decode(latents, cache, {}));
    }
  }
  static void expect_planned(const char* what, int64_t measured, int64_t planned) {
    std::printf("           %s: %.3f GB, planned %.3f GB\n", what, static_cast<double>(measured) / 1e9,
                static_cast<double>(planned) / 1e9);
    EXPECT_LE(measured, planned) << what;
    EXPECT_GE(2 * measured, planned) << what << ": a plan of twice the need refuses what would run";
  }

  const c10::InferenceMode inference_;
};

TEST_F(Memory, DecodingTakesTheSameForAnyNumberOfFrames) {
  const auto decoder = vae(narrow_vae());
  const MemoryRequest request = {.width = 128, .height = 128, .frames = 81};
  decode(decoder, request, 2);  // what is allocated once
  const int64_t shorter = peak_of([&] { decode(decoder, request, 3); });
  const int64_t longer = peak_of([&] { decode(decoder, request, 9); });
  std::printf("           3 latent frames: %.1f MB, 9: %.1f MB\n", static_cast<double>(shorter) / 1e6,
              static_cast<double>(longer) / 1e6);
  EXPECT_GT(shorter, 0);
  EXPECT_LT(longer, shorter + shorter / 4 + kSlack);
}

TEST_F(Memory, EncodingTakesTheSameForAnyNumberOfFrames) {
  const auto encoder = vae(narrow_vae());
  const at::Tensor image = at::randn({3, 96, 96});
  const auto encode = [&](int frames) {
    static_cast<void>(encode_condition(encoder, image, {frames, 96, 96}, {}, {}));
  };
  encode(9);
  const int64_t shorter = peak_of([&] { encode(41); });
  const int64_t longer = peak_of([&] { encode(161); });
  // The condition itself grows: 36 channels of fp32 for each latent pixel, twice while they are joined.
  const int64_t grown = 2 * 36 * 4 * (161 - 41) / 4 * (96 / 8) * (96 / 8);
  std::printf("           41 frames: %.1f MB, 161: %.1f MB\n", static_cast<double>(shorter) / 1e6,
              static_cast<double>(longer) / 1e6);
  EXPECT_LT(longer, shorter + shorter / 4 + grown + kSlack);
}

TEST_F(Memory, TheDecoderMayHaveAWidthOfItsOwn) {
  auto config = narrow_vae();
  config.decoder_base_dim = 8;
  const auto narrow = vae(config);
  const at::Tensor condition = encode_condition(narrow, at::randn({3, 64, 64}), {5, 64, 64}, {}, {});
  EXPECT_EQ(condition.sizes(), (std::vector<int64_t>{20, 2, 8, 8}));
  model::FeatCache cache;
  const at::Tensor frames = narrow.decode(at::randn({16, 1, 8, 8}), cache, {});
  EXPECT_EQ(frames.sizes(), (std::vector<int64_t>{3, 1, 64, 64}));
  const MemoryRequest request = {.width = 832, .height = 480, .frames = 81};
  EXPECT_LT(vae_chunk_activations(config, request), vae_chunk_activations(narrow_vae(), request) / 2);
}

TEST_F(Memory, DecodingTakesWhatIsPlanned) {
  if (!long_form()) GTEST_SKIP() << "minutes: WAN_LONG=1";
  const auto config = variant_dims("t2v-1.3b")->vae;
  const MemoryRequest request = {.width = 832, .height = 480, .frames = 81};
  const auto decoder = vae(config);
  const int64_t measured = peak_of([&] { decode(decoder, request, 2); });
  expect_planned("two latent frames", measured, vae_chunk_activations(config, request));
}

class ForwardMemory : public Memory, public ::testing::WithParamInterface<bool> {};

TEST_P(ForwardMemory, IsWhatIsPlanned) {
  if (!long_form()) GTEST_SKIP() << "minutes: WAN_LONG=1";
  auto config = variant_dims("t2v-1.3b")->transformer;
  config.num_layers = 1;
  const MemoryRequest request = {.width = 832, .height = 480, .frames = 81, .bf16 = GetParam()};
  auto state = weights_of(tensor_shapes(config), request.bf16 ? at::kBFloat16 : at::kFloat);
  const model::WanTransformer3DModel transformer(config, state);
  const int64_t frames = (request.frames - 1) / 4 + 1, rows = request.height / 8, columns = request.width / 8;
  const int64_t measured = peak_of([&] {
    const auto text = transformer.encode_text(at::randn({512, config.text_dim}));
    const auto negative = transformer.encode_text(at::randn({512, config.text_dim}));
    const at::Tensor rotary = transformer.rotary(frames, rows, columns);
    const at::Tensor latents = at::randn({config.in_channels, frames, rows, columns});
    static_cast<void>(transformer.forward(latents, 500, text, {}, rotary, {}));
  });
  expect_planned(request.bf16 ? "forward, bf16" : "forward, fp32", measured,
                 transformer_activations(config, request));
}

INSTANTIATE_TEST_SUITE_P(Precisions, ForwardMemory, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Bf16" : "Fp32"; });

}  // namespace
}  // namespace wan::pipeline
