#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <vector>

#include "runtime/model/umt5_encoder.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

model::UMT5Config config_of(const Json& official) {
  model::UMT5Config config;
  config.vocab_size = official["vocab"];
  config.d_model = official["dim"];
  config.num_heads = official["num_heads"];
  config.d_kv = official["dim_attn"].get<int64_t>() / config.num_heads;
  config.d_ff = official["dim_ffn"];
  config.num_layers = official["num_layers"];
  config.relative_attention_num_buckets = official["num_buckets"];
  return config;
}

class T5Golden : public testing::Test {
 protected:
  c10::InferenceMode inference_;
  Json manifest_ = read_json_file(data("t5/manifest.json"));
  Tensors golden_ = read_tensors(data("t5/data.safetensors"));
};

TEST_F(T5Golden, InBf16ItIsAsCloseToTheFp32NumbersAsTheOfficialOneIs) {
  auto state =
      official_weights(weights::Component::kTextEncoder, data("t5/weights.safetensors"), at::kBFloat16);
  const model::UMT5EncoderModel encoder(config_of(manifest_["config"]), state);
  Bf16Ratios ratios;
  for (const int row : {0, 1}) {
    const at::Tensor golden = golden_.at("output.row" + std::to_string(row));
    const at::Tensor ids = golden_.at("ids")[row];
    const std::vector<int64_t> real(ids.const_data_ptr<int64_t>(),
                                    ids.const_data_ptr<int64_t>() + golden.size(0));
    const double error = relative_l2(encoder.forward(real, {}), golden);
    ratios.add("T5 row " + std::to_string(row), error, manifest_["cases"][0]["official_bf16_rel_l2"][row]);
  }
  ratios.check();
}

}  // namespace
}  // namespace wan::golden
