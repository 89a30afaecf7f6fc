// Single operators on inputs where an eps or the form of a GELU matters: at full scale a wrong eps stays
// below every limit and no comparison of a whole model sees it.

#include <ATen/ops/silu.h>

#include "runtime/model/config.h"
#include "runtime/model/layers.h"
#include "runtime/model/wan_transformer.h"
#include "runtime/model/wan_vae_layers.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kLimit = 1e-6;

class Ops {
 public:
  explicit Ops(const Golden& golden) : data_(golden.tensors("ops.safetensors")) {}

  [[nodiscard]] const at::Tensor& at(const std::string& name) const { return data_.at(name); }
  void compare(const std::string& name, const at::Tensor& ours) {
    rows_.push_back(within_relative(name, ours, data_.at(name), kLimit));
  }
  [[nodiscard]] const Tensors& data() const { return data_; }
  [[nodiscard]] Rows rows() const { return rows_; }

 private:
  Tensors data_;
  Rows rows_;
};

void compare_norms(Ops& ops, const std::string& scale) {
  const model::WanTransformer3DConfig dit;
  const model::UMT5Config t5;
  const model::CLIPVisionConfig clip;
  const at::Tensor &w = ops.at("w"), &b = ops.at("b"), &x = ops.at("x." + scale);
  ops.compare("dit_layernorm." + scale, model::layer_norm(x, dit.eps));
  ops.compare("dit_norm3_affine." + scale, model::layer_norm(x, dit.eps, w, b));
  ops.compare("dit_rmsnorm." + scale, model::rms_norm(x, w, dit.eps));
  ops.compare("t5_norm." + scale, model::rms_norm(x, w, t5.layer_norm_epsilon));
  ops.compare("clip_layernorm." + scale, model::layer_norm(x, clip.layer_norm_eps, w, b));
  const at::Tensor channels = x.permute({0, 2, 1}).unsqueeze(-1).unsqueeze(-1);
  ops.compare("vae_rms." + scale, model::channel_norm(channels, w.view({-1, 1, 1, 1})));
}

void compare_activations(Ops& ops) {
  const at::Tensor& x = ops.at("act.x");
  ops.compare("act.dit_gelu_tanh", model::gelu_tanh(x));
  ops.compare("act.t5_gelu_tanh", model::gelu_tanh(x));
  ops.compare("act.clip_gelu_erf", model::gelu_erf(x));
  ops.compare("act.silu", at::silu(x));
  ops.compare("upsample.out", model::upsample_nearest_exact(ops.at("upsample.x")));
}

void compare_image_embedding(Ops& ops, const Golden& golden) {
  // Too few keys to be known as official ones, so each is renamed by hand.
  weights::StoredTensors renamed;
  for (const auto& [key, tensor] : must(weights::open_safetensors(golden.path("ops.safetensors")))) {
    renamed.emplace(weights::diffusers_key(weights::Component::kTransformer, key), tensor);
  }
  weights::StateDict state(std::move(renamed), golden.device().torch);
  const at::Tensor &in = ops.at("img_emb.x"), &out = ops.at("img_emb.out");
  const model::WanImageEmbedding embedding(state, "condition_embedder.image_embedder", in.size(-1),
                                           out.size(-1));
  ops.compare("img_emb.out", embedding.forward(in));
}

}  // namespace

Rows verify_ops(const Golden& golden) {
  Ops ops(golden);
  for (const auto& [name, _] : ops.data()) {
    if (name.starts_with("x.")) compare_norms(ops, name.substr(2));
  }
  compare_activations(ops);
  if (ops.data().contains("img_emb.x")) compare_image_embedding(ops, golden);
  return ops.rows();
}

}  // namespace wan::verify
