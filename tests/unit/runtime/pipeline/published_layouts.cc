#include "tests/unit/runtime/pipeline/published_layouts.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/io/file.h"
#include "base/json/json.h"
#include "tests/support/paths.h"
#include "tests/unit/runtime/weights/pth_bytes.h"

namespace wan::testing {
namespace {

namespace fs = std::filesystem;
using Shapes = std::map<std::string, std::vector<int64_t>>;

Shapes published(const std::string& list) {
  const fs::path file = source_dir() / "tests/golden/data/keys" / (list + ".json");
  const auto json = parse_json(read_file(file).value());
  return json.value()["tensors"].get<Shapes>();
}

Shapes with_prefix(const std::string& prefix, const Shapes& shapes) {
  Shapes out;
  for (const auto& [key, shape] : shapes) out[prefix + key] = shape;
  return out;
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  return count;
}

void write_text(const fs::path& file, const Json& json) {
  fs::create_directories(file.parent_path());
  WAN_CHECK(write_file_atomically(file, json.dump()).has_value());
}

void write_safetensors(const fs::path& file, const Shapes& shapes) {
  Json header = Json::object();
  int64_t at = 0;
  for (const auto& [key, shape] : shapes) {
    const int64_t end = at + elements(shape) * 4;
    header[key] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  const std::string text = header.dump();
  weights::SparseBytes bytes;
  bytes.append(weights::little_endian_bytes(static_cast<uint64_t>(text.size())) + text);
  bytes.size += static_cast<uint64_t>(at);
  fs::create_directories(file.parent_path());
  WAN_CHECK(bytes.write(file));
}

void write_shards(const fs::path& folder, const std::string& stem, const Shapes& shapes, size_t count) {
  std::vector<Shapes> shards(count);
  Json map = Json::object();
  size_t i = 0;
  for (const auto& [key, shape] : shapes) {
    const size_t shard = i++ * count / shapes.size();
    shards[shard][key] = shape;
    map[key] = stem + "-" + std::to_string(shard + 1) + ".safetensors";
  }
  for (size_t shard = 0; shard < count; ++shard) {
    write_safetensors(folder / (stem + "-" + std::to_string(shard + 1) + ".safetensors"), shards[shard]);
  }
  write_text(folder / (stem + ".safetensors.index.json"), {{"weight_map", map}});
}

void write_pth(const fs::path& file, const Shapes& shapes, const std::string& type, int64_t bytes) {
  using namespace weights;
  std::string pickle = pickled::begin_dict();
  ZipBuilder zip;
  int storage = 0;
  for (const auto& [key, shape] : shapes) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    const std::string name = std::to_string(storage++);
    pickle += pickled::text(key) + pickled::tensor({name, elements(shape), 0, shape, strides, type});
    zip.add_zeros("archive/data/" + name, static_cast<uint64_t>(elements(shape) * bytes));
  }
  zip.add("archive/data.pkl", pickle + pickled::end_dict());
  WAN_CHECK(zip.finish().write(file));
}

Json transformer_config(const Published& model) {
  Json config = {{"_class_name", "WanTransformer3DModel"},
                 {"num_attention_heads", model.heads},
                 {"attention_head_dim", model.dim / model.heads},
                 {"in_channels", model.from_image ? 36 : 16},
                 {"out_channels", 16},
                 {"text_dim", 4096},
                 {"freq_dim", 256},
                 {"ffn_dim", model.ffn_dim},
                 {"num_layers", model.layers}};
  if (model.from_image) config.update({{"image_dim", 1280}, {"added_kv_proj_dim", model.dim}});
  return config;
}

const Json kTextConfig = {{"model_type", "umt5"}, {"vocab_size", 256384}, {"d_model", 4096}, {"d_kv", 64},
                          {"d_ff", 10240},        {"num_layers", 24},     {"num_heads", 64}};
const Json kImageConfig = {{"model_type", "clip_vision_model"},
                           {"hidden_act", "gelu"},
                           {"hidden_size", 1280},
                           {"intermediate_size", 5120},
                           {"num_attention_heads", 16},
                           {"num_hidden_layers", 32},
                           {"image_size", 224},
                           {"patch_size", 14}};

}  // namespace

void write_official(const Published& model, const fs::path& directory) {
  write_text(directory / "config.json", {{"_class_name", "WanModel"},
                                         {"dim", model.dim},
                                         {"eps", 1e-6},
                                         {"ffn_dim", model.ffn_dim},
                                         {"freq_dim", 256},
                                         {"in_dim", model.from_image ? 36 : 16},
                                         {"model_type", model.from_image ? "i2v" : "t2v"},
                                         {"num_heads", model.heads},
                                         {"num_layers", model.layers},
                                         {"out_dim", 16},
                                         {"text_len", 512}});
  write_shards(directory, "diffusion_pytorch_model", published("official_" + model.transformer), 7);
  write_pth(directory / "models_t5_umt5-xxl-enc-bf16.pth", published("official_umt5_xxl_encoder"),
            "BFloat16Storage", 2);
  write_pth(directory / "Wan2.1_VAE.pth", published("official_vae"), "FloatStorage", 4);
  if (!model.from_image) return;
  Shapes clip = with_prefix("visual.", published("official_clip_visual"));
  clip["textual.token_embedding.weight"] = {250002, 1024};
  clip["log_scale"] = {};
  write_pth(directory / "models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth", clip, "HalfStorage", 2);
}

void write_diffusers(const Published& model, const fs::path& directory) {
  const Json vae =
      parse_json(read_file(source_dir() / "tests/golden/data/pipeline_t2v/diffusers/vae/config.json").value())
          .value();
  write_text(directory / "model_index.json",
             {{"_class_name", model.from_image ? "WanImageToVideoPipeline" : "WanPipeline"}});
  write_text(directory / "transformer/config.json", transformer_config(model));
  write_shards(directory / "transformer", "diffusion_pytorch_model",
               published("diffusers_" + model.transformer), 12);
  write_text(directory / "text_encoder/config.json", kTextConfig);
  write_shards(directory / "text_encoder", "model", published("diffusers_umt5_xxl_encoder"), 5);
  Json vae_config = vae;
  vae_config["base_dim"] = 96;
  write_text(directory / "vae/config.json", vae_config);
  write_safetensors(directory / "vae/diffusion_pytorch_model.safetensors", published("diffusers_vae"));
  if (!model.from_image) return;
  write_text(directory / "image_encoder/config.json", kImageConfig);
  write_safetensors(directory / "image_encoder/model.safetensors",
                    with_prefix("vision_model.", published("diffusers_clip_vision")));
}

}  // namespace wan::testing
