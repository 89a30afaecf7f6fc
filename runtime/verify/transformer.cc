#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include "runtime/model/wan_transformer.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kOpLimit = 1e-6;

model::WanTransformer3DConfig config_of(const Json& official) {
  model::WanTransformer3DConfig config;
  config.num_attention_heads = official.at("num_heads");
  config.attention_head_dim = official.at("dim").get<int64_t>() / config.num_attention_heads;
  config.in_channels = official.at("in_dim");
  config.out_channels = official.at("out_dim");
  config.text_dim = official.at("text_dim");
  config.freq_dim = official.at("freq_dim");
  config.ffn_dim = official.at("ffn_dim");
  config.num_layers = official.at("num_layers");
  config.eps = official.at("eps");
  return config;
}

class Transformer {
 public:
  Transformer(const Golden& golden, at::ScalarType compute)
      : data_(golden.tensors("data.safetensors")),
        config_(config_of(golden.manifest().at("config"))),
        limit_(golden.model_limit()) {
    if (data_.contains("clip_fea")) config_.image_dim = data_.at("clip_fea").size(-1);
    auto state = golden.weights(weights::Component::kTransformer, "weights.safetensors", compute);
    model_.emplace(config_, state);
    finish(state, "transformer");
  }

  [[nodiscard]] const model::WanTransformer3DConfig& config() const { return config_; }

  [[nodiscard]] Row compare(const std::string& output, const std::string& latent, int64_t timestep,
                            const std::string& context) const {
    return within_relative(output, forward(data_.at(latent), timestep, data_.at(context)), data_.at(output),
                           limit_);
  }

  [[nodiscard]] Row compare_bf16(const Json& one) const {
    const std::string output = one.at("output");
    const at::Tensor ours = forward(data_.at("latent"), one.at("t"), data_.at(one.at("context")));
    return within_official_bf16(output, ours, data_.at(output), one.at("official_bf16_rel_l2"));
  }

 private:
  [[nodiscard]] at::Tensor forward(const at::Tensor& latents, int64_t timestep,
                                   const at::Tensor& context) const {
    const at::Tensor rotary = model_->rotary(latents.size(1), latents.size(2), latents.size(3));
    const model::TextContext text = model_->encode_text(context);
    if (!config_.image_dim) return model_->forward(latents, timestep, text, {}, rotary, {});
    const auto image = model_->encode_image(data_.at("clip_fea")[0].to(at::kFloat));
    return model_->forward(at::cat({latents, data_.at("y")}), timestep, text, image, rotary, {});
  }

  Tensors data_;
  model::WanTransformer3DConfig config_;
  double limit_;
  std::optional<model::WanTransformer3DModel> model_;
};

// A batch of the official code: ours runs one sample at a time.
void append_batch(Rows& rows, const Transformer& transformer, const Json& batch) {
  for (size_t i = 0; i < batch.at("output").size(); ++i) {
    rows.push_back(transformer.compare(batch.at("output").at(i), batch.at("latents").at(i),
                                       batch.at("t").at(i), batch.at("context").at(i)));
  }
}

void append_bf16(Rows& rows, const Golden& golden) {
  const Transformer transformer(golden, at::kBFloat16);
  for (const Json& one : golden.manifest().at("cases")) {
    if (one.contains("official_bf16_rel_l2") && one.at("t").is_number())
      rows.push_back(transformer.compare_bf16(one));
  }
  append_bf16_mean(rows);
}

Row sinusoids(const Tensors& ops, int64_t freq_dim) {
  std::vector<at::Tensor> ours;
  for (const int64_t t : integers(ops.at("sinusoid.t")))
    ours.push_back(model::timestep_sinusoid(t, freq_dim));
  return within_relative("sinusoid.out", at::cat(ours), ops.at("sinusoid.out"), kOpLimit / 10);
}

Row rotation(const Tensors& ops, int64_t head_dim) {
  const std::vector<int64_t> sides = integers(ops.at("rope.grid")[0]);
  const model::Grid grid = {sides.at(0), sides.at(1), sides.at(2)};
  const int64_t tokens = grid[0] * grid[1] * grid[2];
  const at::Tensor x = ops.at("rope.in")[0].narrow(0, 0, tokens);
  const at::Tensor ours = model::apply_rotary(x, model::rotary_table(grid, head_dim).to(x.device()));
  return within_relative("rope.out", ours, ops.at("rope.out")[0].narrow(0, 0, tokens), kOpLimit / 10);
}

}  // namespace

Rows verify_transformer(const Golden& golden) {
  Rows rows;
  const Transformer transformer(golden, at::kFloat);
  for (const Json& one : golden.manifest().at("cases")) {
    if (one.at("t").is_array()) {
      append_batch(rows, transformer, one);
    } else {
      rows.push_back(transformer.compare(one.at("output"), "latent", one.at("t"), one.at("context")));
    }
  }
  append_bf16(rows, golden);
  if (!golden.has("ops.safetensors")) return rows;
  const Tensors ops = golden.tensors("ops.safetensors");
  rows.push_back(sinusoids(ops, transformer.config().freq_dim));
  rows.push_back(rotation(ops, transformer.config().attention_head_dim));
  return rows;
}

}  // namespace wan::verify
