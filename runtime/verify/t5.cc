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

// Every row of the batch by itself, without its padding.
template <typename Visit>
void each_row(const Golden& golden, const Tensors& data, const std::string& file, at::ScalarType compute,
              const Visit& visit) {
  auto state = golden.weights(weights::Component::kTextEncoder, file, compute);
  const model::UMT5EncoderModel encoder(config_of(golden.manifest().at("config")), state);
  finish(state, "t5");
  const at::Tensor& ids = data.at("ids");
  for (int64_t row = 0; row < ids.size(0); ++row) {
    const std::string name = fmt::format("output.row{}", row);
    const std::vector<int64_t> real = integers(ids[row].narrow(0, 0, data.at(name).size(0)));
    visit(row, name, encoder.forward(real, {}));
  }
}

}  // namespace

Rows verify_t5(const Golden& golden) {
  const Tensors data = golden.tensors("data.safetensors");
  Rows rows;
  for (const std::string file : {"weights.safetensors", "weights_bf16.pth"}) {
    if (!golden.has(file)) continue;
    each_row(golden, data, file, at::kFloat, [&](int64_t, const std::string& name, const at::Tensor& ours) {
      rows.push_back(within_relative(name + ", " + file, ours, data.at(name), golden.model_limit()));
    });
  }
  const Json manifest = golden.manifest();
  const Json& cases = manifest.at("cases");
  const Json* official = cases.empty() ? nullptr : find(cases.at(0), {"official_bf16_rel_l2"});
  if (official) {
    each_row(golden, data, "weights.safetensors", at::kBFloat16,
             [&](int64_t row, const std::string& name, const at::Tensor& ours) {
               rows.push_back(within_official_bf16(name, ours, data.at(name), official->at(row)));
             });
  }
  append_bf16_mean(rows);
  rows.push_back(buckets(config_of(manifest.at("config")), data.at("bucket_of_key_minus_query")));
  return rows;
}

}  // namespace wan::verify
