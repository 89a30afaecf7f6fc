#include "runtime/weights/key_map.h"

#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "runtime/weights/image_encoder_keys.h"

namespace wan::weights {
namespace {

struct Rule {
  std::string_view official;
  std::string_view diffusers;
};

// The first rule whose left side begins the key is applied.
std::optional<std::string> replace_prefix(std::string_view key, std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    if (key.starts_with(rule.official)) {
      return std::string(rule.diffusers) + std::string(key.substr(rule.official.size()));
    }
  }
  return std::nullopt;
}

struct Numbered {
  int number = 0;
  std::string_view rest;
};

// "12.self_attn.q.weight" to 12 and "self_attn.q.weight".
std::optional<Numbered> split_number(std::string_view text) {
  Numbered out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.number);
  if (error != std::errc() || end == text.data() + text.size() || *end != '.') return std::nullopt;
  out.rest = text.substr(end - text.data() + 1);
  return out;
}

constexpr Rule kTransformer[] = {
    {"time_embedding.0.", "condition_embedder.time_embedder.linear_1."},
    {"time_embedding.2.", "condition_embedder.time_embedder.linear_2."},
    {"time_projection.1.", "condition_embedder.time_proj."},
    {"text_embedding.0.", "condition_embedder.text_embedder.linear_1."},
    {"text_embedding.2.", "condition_embedder.text_embedder.linear_2."},
    {"img_emb.proj.0.", "condition_embedder.image_embedder.norm1."},
    {"img_emb.proj.1.", "condition_embedder.image_embedder.ff.net.0.proj."},
    {"img_emb.proj.3.", "condition_embedder.image_embedder.ff.net.2."},
    {"img_emb.proj.4.", "condition_embedder.image_embedder.norm2."},
    {"img_emb.emb_pos", "condition_embedder.image_embedder.pos_embed"},
    {"head.modulation", "scale_shift_table"},
    {"head.head.", "proj_out."},
};

// norm2 and norm3 change places: official numbers them by age, diffusers by order of use.
constexpr Rule kTransformerBlock[] = {
    {"modulation", "scale_shift_table"},
    {"norm2.", "norm3."},
    {"norm3.", "norm2."},
    {"ffn.0.", "ffn.net.0.proj."},
    {"ffn.2.", "ffn.net.2."},
    {"self_attn.q.", "attn1.to_q."},
    {"self_attn.k.", "attn1.to_k."},
    {"self_attn.v.", "attn1.to_v."},
    {"self_attn.o.", "attn1.to_out.0."},
    {"self_attn.", "attn1."},
    {"cross_attn.q.", "attn2.to_q."},
    {"cross_attn.k.", "attn2.to_k."},
    {"cross_attn.v.", "attn2.to_v."},
    {"cross_attn.o.", "attn2.to_out.0."},
    {"cross_attn.k_img.", "attn2.add_k_proj."},
    {"cross_attn.v_img.", "attn2.add_v_proj."},
    {"cross_attn.norm_k_img.", "attn2.norm_added_k."},
    {"cross_attn.", "attn2."},
};

constexpr Rule kTextEncoderBlock[] = {
    {"norm1.", "layer.0.layer_norm."},
    {"attn.", "layer.0.SelfAttention."},
    {"pos_embedding.embedding.", "layer.0.SelfAttention.relative_attention_bias."},
    {"norm2.", "layer.1.layer_norm."},
    {"ffn.gate.0.", "layer.1.DenseReluDense.wi_0."},
    {"ffn.fc1.", "layer.1.DenseReluDense.wi_1."},
    {"ffn.fc2.", "layer.1.DenseReluDense.wo."},
};

constexpr Rule kVae[] = {
    {"conv1.", "quant_conv."},
    {"conv2.", "post_quant_conv."},
    {"encoder.conv1.", "encoder.conv_in."},
    {"decoder.conv1.", "decoder.conv_in."},
    {"encoder.head.0.", "encoder.norm_out."},
    {"decoder.head.0.", "decoder.norm_out."},
    {"encoder.head.2.", "encoder.conv_out."},
    {"decoder.head.2.", "decoder.conv_out."},
    {"encoder.middle.0.", "encoder.mid_block.resnets.0."},
    {"encoder.middle.1.", "encoder.mid_block.attentions.0."},
    {"encoder.middle.2.", "encoder.mid_block.resnets.1."},
    {"decoder.middle.0.", "decoder.mid_block.resnets.0."},
    {"decoder.middle.1.", "decoder.mid_block.attentions.0."},
    {"decoder.middle.2.", "decoder.mid_block.resnets.1."},
    {"encoder.downsamples.", "encoder.down_blocks."},
};

constexpr Rule kVaeResidual[] = {
    {"residual.0.", "norm1."}, {"residual.2.", "conv1."},       {"residual.3.", "norm2."},
    {"residual.6.", "conv2."}, {"shortcut.", "conv_shortcut."},
};

std::string transformer_key(std::string_view key) {
  constexpr std::string_view kBlocks = "blocks.";
  if (!key.starts_with(kBlocks)) return replace_prefix(key, kTransformer).value_or(std::string(key));
  const auto block = split_number(key.substr(kBlocks.size()));
  const auto inner = block ? replace_prefix(block->rest, kTransformerBlock) : std::nullopt;
  return inner ? "blocks." + std::to_string(block->number) + "." + *inner : std::string(key);
}

std::string text_encoder_key(std::string_view key) {
  constexpr std::string_view kBlocks = "blocks.";
  if (key == "token_embedding.weight") return "shared.weight";
  if (key == "norm.weight") return "encoder.final_layer_norm.weight";
  if (!key.starts_with(kBlocks)) return std::string(key);
  const auto block = split_number(key.substr(kBlocks.size()));
  const auto inner = block ? replace_prefix(block->rest, kTextEncoderBlock) : std::nullopt;
  return inner ? "encoder.block." + std::to_string(block->number) + "." + *inner : std::string(key);
}

// The official decoder is one flat list: three residual blocks and an upsampler, four times.
std::string decoder_block_key(std::string_view rest) {
  constexpr int kPerBlock = 4;
  const auto layer = split_number(rest);
  if (!layer) return "decoder.upsamples." + std::string(rest);
  const std::string block = "decoder.up_blocks." + std::to_string(layer->number / kPerBlock);
  const int position = layer->number % kPerBlock;
  if (position == kPerBlock - 1) return block + ".upsamplers.0." + std::string(layer->rest);
  return block + ".resnets." + std::to_string(position) + "." + std::string(layer->rest);
}

std::string vae_key(std::string_view key) {
  constexpr std::string_view kUpsamples = "decoder.upsamples.";
  std::string mapped = key.starts_with(kUpsamples) ? decoder_block_key(key.substr(kUpsamples.size()))
                                                   : replace_prefix(key, kVae).value_or(std::string(key));
  for (const Rule& rule : kVaeResidual) {
    const size_t at = mapped.find("." + std::string(rule.official));
    if (at != std::string::npos) return mapped.replace(at + 1, rule.official.size(), rule.diffusers);
  }
  return mapped;
}

StoredTensors without_repack_prefix(StoredTensors tensors) {
  constexpr std::string_view kRepackPrefix = "model.diffusion_model.";
  StoredTensors out;
  for (auto& [key, tensor] : tensors) {
    const bool prefixed = key.starts_with(kRepackPrefix);
    out.emplace(prefixed ? key.substr(kRepackPrefix.size()) : key, std::move(tensor));
  }
  return out;
}

}  // namespace

std::string_view to_string(Component component) {
  switch (component) {
    case Component::kTextEncoder: return "text_encoder";
    case Component::kImageEncoder: return "image_encoder";
    case Component::kTransformer: return "transformer";
    case Component::kVae: return "vae";
  }
  return "";
}

bool has_official_keys(Component component, const StoredTensors& tensors) {
  if (component == Component::kTextEncoder) return tensors.contains("token_embedding.weight");
  if (component == Component::kImageEncoder) return has_official_image_encoder_keys(tensors);
  if (component == Component::kVae) return tensors.contains("decoder.conv1.weight");
  for (const auto& [key, tensor] : tensors) {
    if (key.find("time_embedding.") != std::string::npos || key.find(".self_attn.") != std::string::npos)
      return true;
  }
  return false;
}

std::string diffusers_key(Component component, std::string_view official) {
  if (component == Component::kTextEncoder) return text_encoder_key(official);
  return component == Component::kTransformer ? transformer_key(official) : vae_key(official);
}

StoredTensors with_diffusers_keys(Component component, StoredTensors tensors) {
  if (component == Component::kTransformer) tensors = without_repack_prefix(std::move(tensors));
  const bool official = has_official_keys(component, tensors);
  if (component == Component::kImageEncoder) {
    return official ? rename_official_image_encoder(std::move(tensors))
                    : normalize_image_encoder(std::move(tensors));
  }
  if (!official) return tensors;
  StoredTensors renamed;
  for (auto& [key, tensor] : tensors) renamed.emplace(diffusers_key(component, key), std::move(tensor));
  return renamed;
}

}  // namespace wan::weights
