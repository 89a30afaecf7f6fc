// Single operators on inputs where an eps or the form of a GELU matters: at full scale a wrong eps stays
// below every limit and no test of a whole model sees it.

#include <ATen/ops/silu.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "runtime/model/config.h"
#include "runtime/model/layers.h"
#include "runtime/model/wan_transformer.h"
#include "runtime/model/wan_vae_layers.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

constexpr double kLimit = 1e-6;

class OpsGolden : public testing::Test {
 protected:
  // All-zero goldens have no relative error: then ours must be zero too, or equal.
  void expect_close(const at::Tensor& ours, const std::string& name) {
    const at::Tensor golden = golden_.at(name);
    if (max_difference(ours, golden) == 0) return;
    EXPECT_LE(relative_l2(ours, golden), kLimit) << name;
  }

  c10::InferenceMode inference_;
  Tensors golden_ = read_tensors(data("ops/ops.safetensors"));
};

TEST_F(OpsGolden, NormsAreRightAtEveryScaleOfTheInput) {
  const at::Tensor w = golden_.at("w"), b = golden_.at("b");
  const model::WanTransformer3DConfig dit;
  const model::UMT5Config t5;
  const model::CLIPVisionConfig clip;
  for (const std::string scale : {"1", "0.001", "0"}) {
    const at::Tensor x = golden_.at("x." + scale);
    expect_close(model::layer_norm(x, dit.eps), "dit_layernorm." + scale);
    expect_close(model::layer_norm(x, dit.eps, w, b), "dit_norm3_affine." + scale);
    expect_close(model::rms_norm(x, w, dit.eps), "dit_rmsnorm." + scale);
    expect_close(model::rms_norm(x, w, t5.layer_norm_epsilon), "t5_norm." + scale);
    expect_close(model::layer_norm(x, clip.layer_norm_eps, w, b), "clip_layernorm." + scale);
    const at::Tensor channels = x.permute({0, 2, 1}).unsqueeze(-1).unsqueeze(-1);
    expect_close(model::channel_norm(channels, w.view({-1, 1, 1, 1})), "vae_rms." + scale);
  }
}

TEST_F(OpsGolden, ActivationsAndUpsamplingAreTheOnesTheModelsUse) {
  const at::Tensor x = golden_.at("act.x");
  expect_close(model::gelu_tanh(x), "act.dit_gelu_tanh");
  expect_close(model::gelu_tanh(x), "act.t5_gelu_tanh");
  expect_close(model::gelu_erf(x), "act.clip_gelu_erf");
  expect_close(at::silu(x), "act.silu");
  expect_close(model::upsample_nearest_exact(golden_.at("upsample.x")), "upsample.out");
}

TEST_F(OpsGolden, TheImageEmbeddingHasItsOwnEpsilonAndTheExactGelu) {
  // Too few keys to be known as official ones, so each is renamed by hand.
  weights::StoredTensors renamed;
  for (const auto& [key, tensor] : weights::open_safetensors(data("ops/ops.safetensors")).value()) {
    renamed.emplace(weights::diffusers_key(weights::Component::kTransformer, key), tensor);
  }
  weights::StateDict state(std::move(renamed));
  const model::WanImageEmbedding embedding(state, "condition_embedder.image_embedder", 16, 12);
  expect_close(embedding.forward(golden_.at("img_emb.x")), "img_emb.out");
}

}  // namespace
}  // namespace wan::golden
