#include "runtime/pipeline/official_config.h"

#include <cmath>
#include <string>

namespace wan::pipeline {
namespace {

using weights::StoredTensors;

// Those of the Wan 2.1 VAE (wan/modules/vae.py).
constexpr double kLatentsMean[] = {-0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,  -0.1517, 1.5508,
                                   0.4134,  -0.0715, 0.5517,  -0.3632, -0.1922, -0.9497, 0.2503,  -0.2921};
constexpr double kLatentsStd[] = {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
                                  3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160};
constexpr int64_t kClipHeadDim = 80;

Result<int64_t> side(const StoredTensors& tensors, const std::string& key, size_t i) {
  const auto found = tensors.find(key);
  if (found == tensors.end())
    return fail(corrupt("'" + key + "' is missing: the sizes cannot be read off it"));
  if (found->second.shape.size() > i) return found->second.shape[i];
  return fail(corrupt("'" + key + "' has " + std::to_string(found->second.shape.size()) +
                      " sides; the sizes " + "cannot be read off it"));
}

bool any_begins(const StoredTensors& tensors, const std::string& prefix) {
  const auto found = tensors.lower_bound(prefix);
  return found != tensors.end() && found->first.starts_with(prefix);
}

int64_t count_layers(const StoredTensors& tensors, const std::string& prefix) {
  int64_t layers = 0;
  while (any_begins(tensors, prefix + std::to_string(layers) + ".")) ++layers;
  return layers;
}

// Every block but the last ends with a downsampler; the flat list is that of the official encoder.
Result<Json> vae_config(const StoredTensors& tensors) {
  WAN_TRY(const int64_t base, side(tensors, "encoder.conv_in.weight", 0));
  WAN_TRY(const int64_t z_dim, side(tensors, "decoder.conv_in.weight", 1));
  if (base < 1 || z_dim != std::ssize(kLatentsMean)) {
    return fail(corrupt("decoder.conv_in.weight: latents of " + std::to_string(z_dim) +
                        " channels; supported: 16, the VAE of Wan 2.1"));
  }
  Json mult = Json::array(), in_time = Json::array();
  int64_t resnets = 0, width = base;
  const int64_t count = count_layers(tensors, "encoder.down_blocks.");
  for (int64_t i = 0; i < count; ++i) {
    const std::string block = "encoder.down_blocks." + std::to_string(i);
    if (tensors.contains(block + ".resample.1.weight")) {
      mult.push_back(width / base);
      in_time.push_back(tensors.contains(block + ".time_conv.weight"));
      continue;
    }
    WAN_TRY(width, side(tensors, block + ".conv1.weight", 0));
    if (mult.empty()) ++resnets;
  }
  mult.push_back(width / base);
  return Json{{"_class_name", "AutoencoderKLWan"},
              {"base_dim", base},
              {"z_dim", z_dim},
              {"dim_mult", mult},
              {"num_res_blocks", resnets},
              {"temperal_downsample", in_time},
              {"latents_mean", Json(kLatentsMean)},
              {"latents_std", Json(kLatentsStd)}};
}

Result<Json> text_encoder_config(const StoredTensors& tensors) {
  const std::string layer = "encoder.block.0.layer.";
  WAN_TRY(const int64_t vocabulary, side(tensors, "shared.weight", 0));
  WAN_TRY(const int64_t dim, side(tensors, "shared.weight", 1));
  WAN_TRY(const int64_t inner, side(tensors, layer + "0.SelfAttention.q.weight", 0));
  WAN_TRY(const int64_t d_ff, side(tensors, layer + "1.DenseReluDense.wi_0.weight", 0));
  const std::string table = layer + "0.SelfAttention.relative_attention_bias.weight";
  WAN_TRY(const int64_t buckets, side(tensors, table, 0));
  WAN_TRY(const int64_t heads, side(tensors, table, 1));
  if (heads < 1) return fail(corrupt("'" + table + "' is empty"));
  return Json{{"model_type", "umt5"},
              {"vocab_size", vocabulary},
              {"d_model", dim},
              {"d_kv", inner / heads},
              {"d_ff", d_ff},
              {"num_heads", heads},
              {"num_layers", count_layers(tensors, "encoder.block.")},
              {"relative_attention_num_buckets", buckets}};
}

Result<Json> image_encoder_config(const StoredTensors& tensors) {
  const std::string embeddings = "vision_model.embeddings.";
  WAN_TRY(const int64_t dim, side(tensors, embeddings + "class_embedding", 0));
  WAN_TRY(const int64_t patch, side(tensors, embeddings + "patch_embedding.weight", 2));
  WAN_TRY(const int64_t positions, side(tensors, embeddings + "position_embedding.weight", 0));
  WAN_TRY(const int64_t wide, side(tensors, "vision_model.encoder.layers.0.mlp.fc1.weight", 0));
  const auto across = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(positions - 1))));
  return Json{{"model_type", "clip_vision_model"},
              {"hidden_act", "gelu"},
              {"hidden_size", dim},
              {"intermediate_size", wide},
              {"num_attention_heads", dim / kClipHeadDim},
              {"num_hidden_layers", count_layers(tensors, "vision_model.encoder.layers.")},
              {"patch_size", patch},
              {"image_size", across * patch},
              {"layer_norm_eps", 1e-5}};
}

Error unsupported(const char* field, const Json& value, const char* supported) {
  return invalid_argument(std::string(field) + ": " + to_text(value) +
                          " is not supported; supported: " + supported);
}

Result<Json> transformer_config(const Json& config, const StoredTensors& tensors) {
  const std::string type = string_or(config, {"model_type"}, "");
  if (type != "t2v" && type != "i2v") return fail(unsupported("model_type", type, "t2v, i2v"));
  const Json* length = find(config, {"text_len"});
  if (length && *length != 512) return fail(unsupported("text_len", *length, "512"));
  const auto number = [&](const char* field) -> int64_t {
    const Json* value = find(config, {field});
    return value && value->is_number_integer() ? value->get<int64_t>() : 0;
  };
  const int64_t dim = number("dim"), heads = number("num_heads");
  if (dim < 1 || heads < 1 || dim % heads != 0) {
    return fail(invalid_argument("dim and num_heads: must be whole numbers, dim a multiple of num_heads"));
  }
  WAN_TRY(const int64_t text_dim, side(tensors, "condition_embedder.text_embedder.linear_1.weight", 1));
  Json out = {{"_class_name", "WanTransformer3DModel"},
              {"num_attention_heads", heads},
              {"attention_head_dim", dim / heads},
              {"text_dim", text_dim}};
  constexpr std::pair<const char*, const char*> kFields[] = {
      {"in_dim", "in_channels"}, {"out_dim", "out_channels"},  {"ffn_dim", "ffn_dim"},
      {"freq_dim", "freq_dim"},  {"num_layers", "num_layers"}, {"eps", "eps"}};
  for (const auto& [official, ours] : kFields) {
    if (const Json* value = find(config, {official})) out[ours] = *value;
  }
  if (type != "i2v") return out;
  WAN_TRY(out["image_dim"], side(tensors, "condition_embedder.image_embedder.norm1.weight", 0));
  out["added_kv_proj_dim"] = dim;
  return out;
}

}  // namespace

Result<Json> official_config(weights::Component component, const Json& config, const StoredTensors& tensors) {
  switch (component) {
    case weights::Component::kTextEncoder: return text_encoder_config(tensors);
    case weights::Component::kImageEncoder: return image_encoder_config(tensors);
    case weights::Component::kTransformer: return transformer_config(config, tensors);
    case weights::Component::kVae: return vae_config(tensors);
  }
  return fail(internal_error("no such component"));
}

}  // namespace wan::pipeline
