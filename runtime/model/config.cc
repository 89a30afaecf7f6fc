#include "runtime/model/config.h"

#include <string>

namespace wan::model {
namespace {

constexpr int64_t kMaxSize = 1'000'000;

Error unsupported(const char* field, const Json& value, const char* supported) {
  return invalid_argument(std::string(field) + ": " + to_text(value) +
                          " is not supported; supported: " + supported);
}

Status read_size(const Json& json, const char* field, int64_t& target) {
  const Json* value = find(json, {field});
  if (!value || value->is_null()) {
    if (target > 0) return {};
    return fail(invalid_argument(std::string(field) + ": missing"));
  }
  const int64_t number = value->is_number_integer() ? value->get<int64_t>() : 0;
  if (number < 1 || number > kMaxSize)
    return fail(unsupported(field, *value, "a whole number from 1 to 1000000"));
  target = number;
  return {};
}

Status read_epsilon(const Json& json, const char* field, double& target) {
  const Json* value = find(json, {field});
  if (!value) return {};
  const double number = value->is_number() ? value->get<double>() : 0;
  if (!(number > 0 && number < 1)) return fail(unsupported(field, *value, "a number between 0 and 1"));
  target = number;
  return {};
}

// The member is absent or equal to `expected`.
Status expect(const Json& json, const char* field, const Json& expected) {
  const Json* value = find(json, {field});
  if (!value || *value == expected) return {};
  return fail(unsupported(field, *value, to_text(expected).c_str()));
}

Result<std::vector<float>> read_floats(const Json& json, const char* field, int64_t count) {
  const Json* value = find(json, {field});
  const bool list = value && value->is_array() && static_cast<int64_t>(value->size()) == count;
  if (!list)
    return fail(
        invalid_argument(std::string(field) + ": must be a list of " + std::to_string(count) + " numbers"));
  std::vector<float> out;
  for (const Json& number : *value) {
    if (!number.is_number()) return fail(unsupported(field, number, "numbers"));
    out.push_back(number.get<float>());
  }
  return out;
}

Status read_stages(const Json& json, AutoencoderKLWanConfig& config) {
  const Json* mult = find(json, {"dim_mult"});
  const Json* down = find(json, {"temperal_downsample"});
  if (!mult || !mult->is_array() || mult->empty() || mult->size() > 8) {
    return fail(invalid_argument("dim_mult: must be a list of 1 to 8 whole numbers"));
  }
  if (!down || !down->is_array() || down->size() + 1 != mult->size()) {
    return fail(invalid_argument("temperal_downsample: must be a list, one shorter than dim_mult"));
  }
  for (const Json& factor : *mult) {
    const int64_t number = factor.is_number_integer() ? factor.get<int64_t>() : 0;
    if (number < 1 || number > 64) return fail(unsupported("dim_mult", factor, "whole numbers from 1 to 64"));
    config.dim_mult.push_back(number);
  }
  for (const Json& flag : *down) {
    if (!flag.is_boolean()) return fail(unsupported("temperal_downsample", flag, "true, false"));
    config.temperal_downsample.push_back(flag.get<bool>());
  }
  return {};
}

// image_dim and added_kv_proj_dim are both set (image to video) or both null.
Result<std::optional<int64_t>> read_image_dim(const Json& json, const WanTransformer3DConfig& config) {
  const Json* image = find(json, {"image_dim"});
  if (!image || image->is_null()) {
    WAN_TRY_VOID(expect(json, "added_kv_proj_dim", nullptr));
    return std::nullopt;
  }
  int64_t dim = 0;
  WAN_TRY_VOID(read_size(json, "image_dim", dim));
  WAN_TRY_VOID(expect(json, "added_kv_proj_dim", config.inner_dim()));
  return dim;
}

}  // namespace

Result<UMT5Config> umt5_config(const Json& json) {
  UMT5Config config;
  WAN_TRY_VOID(expect(json, "model_type", "umt5"));
  WAN_TRY_VOID(expect(json, "feed_forward_proj", "gated-gelu"));
  WAN_TRY_VOID(read_size(json, "vocab_size", config.vocab_size));
  WAN_TRY_VOID(read_size(json, "d_model", config.d_model));
  WAN_TRY_VOID(read_size(json, "d_kv", config.d_kv));
  WAN_TRY_VOID(read_size(json, "d_ff", config.d_ff));
  WAN_TRY_VOID(read_size(json, "num_layers", config.num_layers));
  WAN_TRY_VOID(read_size(json, "num_heads", config.num_heads));
  WAN_TRY_VOID(read_size(json, "relative_attention_num_buckets", config.relative_attention_num_buckets));
  WAN_TRY_VOID(read_size(json, "relative_attention_max_distance", config.relative_attention_max_distance));
  WAN_TRY_VOID(read_epsilon(json, "layer_norm_epsilon", config.layer_norm_epsilon));
  return config;
}

Result<WanTransformer3DConfig> wan_transformer_config(const Json& json) {
  WanTransformer3DConfig config;
  WAN_TRY_VOID(expect(json, "_class_name", "WanTransformer3DModel"));
  WAN_TRY_VOID(expect(json, "patch_size", Json(kPatchSize)));
  WAN_TRY_VOID(expect(json, "qk_norm", "rms_norm_across_heads"));
  WAN_TRY_VOID(expect(json, "cross_attn_norm", true));
  WAN_TRY_VOID(expect(json, "pos_embed_seq_len", nullptr));  // first and last frame to video
  WAN_TRY_VOID(read_size(json, "num_attention_heads", config.num_attention_heads));
  WAN_TRY_VOID(read_size(json, "attention_head_dim", config.attention_head_dim));
  WAN_TRY_VOID(read_size(json, "in_channels", config.in_channels));
  WAN_TRY_VOID(read_size(json, "out_channels", config.out_channels));
  WAN_TRY_VOID(read_size(json, "text_dim", config.text_dim));
  WAN_TRY_VOID(read_size(json, "freq_dim", config.freq_dim));
  WAN_TRY_VOID(read_size(json, "ffn_dim", config.ffn_dim));
  WAN_TRY_VOID(read_size(json, "num_layers", config.num_layers));
  WAN_TRY_VOID(read_epsilon(json, "eps", config.eps));
  if (config.attention_head_dim % 2 != 0 || config.freq_dim % 2 != 0) {
    return fail(invalid_argument("attention_head_dim and freq_dim must be even"));
  }
  WAN_TRY(config.image_dim, read_image_dim(json, config));
  return config;
}

Result<AutoencoderKLWanConfig> autoencoder_config(const Json& json) {
  AutoencoderKLWanConfig config;
  WAN_TRY_VOID(expect(json, "_class_name", "AutoencoderKLWan"));
  WAN_TRY_VOID(expect(json, "attn_scales", Json::array()));
  WAN_TRY_VOID(expect(json, "is_residual", false));
  WAN_TRY_VOID(expect(json, "out_channels", 3));
  WAN_TRY_VOID(expect(json, "patch_size", nullptr));
  WAN_TRY_VOID(read_size(json, "base_dim", config.base_dim));
  if (const Json* decoder = find(json, {"decoder_base_dim"}); decoder && !decoder->is_null())
    WAN_TRY_VOID(read_size(json, "decoder_base_dim", config.decoder_base_dim.emplace(0)));
  WAN_TRY_VOID(read_size(json, "z_dim", config.z_dim));
  WAN_TRY_VOID(read_size(json, "num_res_blocks", config.num_res_blocks));
  WAN_TRY_VOID(read_stages(json, config));
  WAN_TRY(config.latents_mean, read_floats(json, "latents_mean", config.z_dim));
  WAN_TRY(config.latents_std, read_floats(json, "latents_std", config.z_dim));
  return config;
}

Result<CLIPVisionConfig> clip_vision_config(const Json& json) {
  CLIPVisionConfig config;
  WAN_TRY_VOID(expect(json, "model_type", "clip_vision_model"));
  WAN_TRY_VOID(expect(json, "hidden_act", "gelu"));
  WAN_TRY_VOID(expect(json, "num_channels", 3));
  WAN_TRY_VOID(read_size(json, "hidden_size", config.hidden_size));
  WAN_TRY_VOID(read_size(json, "intermediate_size", config.intermediate_size));
  WAN_TRY_VOID(read_size(json, "num_attention_heads", config.num_attention_heads));
  WAN_TRY_VOID(read_size(json, "num_hidden_layers", config.num_hidden_layers));
  WAN_TRY_VOID(read_size(json, "image_size", config.image_size));
  WAN_TRY_VOID(read_size(json, "patch_size", config.patch_size));
  WAN_TRY_VOID(read_epsilon(json, "layer_norm_eps", config.layer_norm_eps));
  if (config.hidden_size % config.num_attention_heads != 0) {
    return fail(invalid_argument("hidden_size must be a multiple of num_attention_heads"));
  }
  if (config.image_size % config.patch_size != 0) {
    return fail(invalid_argument("image_size must be a multiple of patch_size"));
  }
  return config;
}

}  // namespace wan::model
