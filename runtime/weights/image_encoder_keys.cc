#include "runtime/weights/image_encoder_keys.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace wan::weights {
namespace {

constexpr std::string_view kVisual = "visual.";
constexpr std::string_view kTransformer = "transformer.";
constexpr std::string_view kVisionModel = "vision_model.";
constexpr std::string_view kFused = ".attn.to_qkv.";

struct Rule {
  std::string_view official;
  std::string_view ours;
};
constexpr Rule kOutside[] = {
    {"cls_embedding", "embeddings.class_embedding"},
    {"pos_embedding", "embeddings.position_embedding.weight"},
    {"patch_embedding.", "embeddings.patch_embedding."},
    {"pre_norm.", "pre_layrnorm."},  // transformers' own spelling
    {"post_norm.", "post_layernorm."},
};
constexpr Rule kInLayer[] = {
    {".norm1.", ".layer_norm1."}, {".norm2.", ".layer_norm2."}, {".attn.proj.", ".self_attn.out_proj."},
    {".mlp.0.", ".mlp.fc1."},     {".mlp.2.", ".mlp.fc2."},
};

// `key` is without "visual.". Names that it does not know stay, and are reported as extra later.
std::string renamed(std::string_view key) {
  const std::string prefix(kVisionModel);
  if (key.starts_with(kTransformer)) {
    const std::string layer = "encoder.layers." + std::string(key.substr(kTransformer.size()));
    for (const Rule& rule : kInLayer) {
      const size_t at = layer.find(rule.official);
      if (at != std::string::npos) {
        return prefix + std::string(layer).replace(at, rule.official.size(), rule.ours);
      }
    }
    return prefix + layer;
  }
  for (const Rule& rule : kOutside) {
    if (key.starts_with(rule.official)) {
      return prefix + std::string(rule.ours) + std::string(key.substr(rule.official.size()));
    }
  }
  return prefix + std::string(key);
}

// The first third of the rows are the queries, then keys, then values.
void split_fused(std::string_view key, const StoredTensor& fused, StoredTensors& out) {
  constexpr std::array<std::string_view, 3> kParts = {".self_attn.q_proj.", ".self_attn.k_proj.",
                                                      ".self_attn.v_proj."};
  const std::string name = renamed(key);
  const size_t at = name.find(kFused);
  const int64_t rows = fused.shape[0] / 3;
  for (size_t i = 0; i < kParts.size(); ++i) {
    out.emplace(std::string(name).replace(at, kFused.size(), kParts[i]),
                rows_of(fused, static_cast<int64_t>(i) * rows, rows));
  }
}

// What the checkpoints hold beside the tower.
bool is_outside_the_tower(std::string_view key) {
  constexpr std::string_view kOthers[] = {"textual.",           "text_model.", "text_projection.",
                                          "visual_projection.", "log_scale",   "logit_scale"};
  return std::ranges::any_of(kOthers, [&](std::string_view other) { return key.starts_with(other); });
}

}  // namespace

bool has_official_image_encoder_keys(const StoredTensors& tensors) {
  return tensors.contains("visual.cls_embedding") || tensors.contains("cls_embedding");
}

StoredTensors rename_official_image_encoder(StoredTensors tensors) {
  const bool prefixed = tensors.contains("visual.cls_embedding");
  StoredTensors out;
  for (auto& [full, tensor] : tensors) {
    std::string_view key = full;
    if (is_outside_the_tower(key)) continue;
    if (prefixed && key.starts_with(kVisual)) key.remove_prefix(kVisual.size());
    if (key == "head") continue;  // the projection into the space of texts
    const bool fused =
        key.find(kFused) != std::string_view::npos && !tensor.shape.empty() && tensor.shape[0] % 3 == 0;
    if (fused) {
      split_fused(key, tensor, out);
    } else if (key == "cls_embedding" || key == "pos_embedding") {
      out.emplace(renamed(key), without_leading_ones(std::move(tensor), key == "cls_embedding" ? 1 : 2));
    } else {
      out.emplace(renamed(key), std::move(tensor));
    }
  }
  return out;
}

StoredTensors normalize_image_encoder(StoredTensors tensors) {
  StoredTensors out;
  for (auto& [key, tensor] : tensors) {
    // A buffer of old versions of transformers: 0, 1, 2, ...
    if (is_outside_the_tower(key) || key.ends_with("embeddings.position_ids")) continue;
    const bool prefixed = key.starts_with(kVisionModel);
    out.emplace(prefixed ? key : std::string(kVisionModel) + key, std::move(tensor));
  }
  return out;
}

}  // namespace wan::weights
