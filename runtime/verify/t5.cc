#include <fmt/format.h>

#include "runtime/model/umt5_encoder.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

model::UMT5Config config_of(const Json& official) {
  model::UMT5Config config;
  config.vocab_size = official.at("vocab");
  config.d_model = official.at("dim");
  config.num_heads = official.at("num_heads");
  config.d_kv = official.at("dim_attn").get<int64_t>() / config.num_heads;
  config.d_ff = official.at("dim_ffn");
  config.num_layers = official.at("num_layers");
  config.relative_attention_num_buckets = official.at("num_buckets");
  return config;
}

Row buckets(const model::UMT5Config& config, const at::Tensor& golden) {
  const std::vector<int64_t> theirs = integers(golden);
  std::vector<int64_t> ours;
  const auto furthest = static_cast<int64_t>(theirs.size() / 2);
  for (int64_t distance = -furthest; distance <= furthest; ++distance) {
    ours.push_back(model::relative_position_bucket(distance, config));
  }
  return same_ids("bucket_of_key_minus_query", ours, theirs);
}

}  // namespace

Rows verify_t5(const Golden& golden) {
  const auto config = config_of(golden.manifest().at("config"));
  const Tensors data = golden.tensors("data.safetensors");
  auto state = golden.weights(weights::Component::kTextEncoder, "weights.safetensors");
  const model::UMT5EncoderModel encoder(config, state);
  finish(state, "t5");
  Rows rows;
  const at::Tensor& ids = data.at("ids");
  for (int64_t row = 0; row < ids.size(0); ++row) {
    const std::string name = fmt::format("output.row{}", row);
    const at::Tensor& output = data.at(name);
    const std::vector<int64_t> real = integers(ids[row].narrow(0, 0, output.size(0)));
    rows.push_back(within_relative(name, encoder.forward(real, {}), output, golden.model_limit()));
  }
  rows.push_back(buckets(config, data.at("bucket_of_key_minus_query")));
  return rows;
}

}  // namespace wan::verify
