#include "runtime/pipeline/random_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <span>
#include <unistd.h>
#include <vector>

#include "base/io/file.h"
#include "runtime/pipeline/tensor_shapes.h"
#include "runtime/weights/safetensors.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kShardBytes = 4'000'000'000;
constexpr size_t kBufferBytes = 4u << 20;
constexpr int64_t kSpareBytes = 64 << 20;  // for configurations and the file system's own needs

struct Variant {
  const char* name;
  int64_t heads, ffn_dim, layers;
  bool from_image;
  const char* size;
  double shift, guidance;
};
constexpr Variant kVariants[] = {{"t2v-1.3b", 12, 8960, 30, false, "832x480", 8, 6},
                                 {"t2v-14b", 40, 13824, 40, false, "1280x720", 5, 5},
                                 {"i2v-14b-480p", 40, 13824, 40, true, "832x480", 3, 5},
                                 {"i2v-14b-720p", 40, 13824, 40, true, "1280x720", 5, 5}};

const Variant* find_variant(const std::string& name) {
  const auto* found =
      std::ranges::find_if(kVariants, [&](const Variant& variant) { return name == variant.name; });
  return found == std::end(kVariants) ? nullptr : found;
}

// splitmix64 (Steele, Lea, Flood 2014): fast, and any number may start it.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
};

uint64_t hash_of(std::string_view name, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Uniform on middle - reach .. middle + reach.
struct Spread {
  float middle = 0, reach = 0;
};

// As layers are usually initialised, so that activations neither vanish nor overflow: matrices
// 1/sqrt(inputs), norms about 1, tables and biases small.
Spread spread_of(const std::string& name, const std::vector<int64_t>& shape) {
  constexpr float kSmall = 0.02F;
  const bool norm = name.ends_with(".gamma") || (name.ends_with("weight") && shape.size() == 1);
  if (norm) return {1, 0.1F};
  if (shape.size() < 2 || name.ends_with("relative_attention_bias.weight")) return {0, kSmall};
  if (name == "shared.weight") return {0, 1};
  int64_t inputs = 1;
  for (size_t i = 1; i < shape.size(); ++i) inputs *= shape[i];
  // The text encoder does not divide its logits by the root of the head's width.
  const bool unscaled = name.ends_with("SelfAttention.q.weight");
  constexpr double kHeadDim = 64;
  return {0, static_cast<float>(std::sqrt(3.0 / (static_cast<double>(inputs) * (unscaled ? kHeadDim : 1))))};
}

uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Fills `buffer` with elements of two or four bytes.
void fill(std::span<char> buffer, Random& random, Spread spread, bool bf16) {
  const size_t size = bf16 ? 2 : 4;
  for (size_t at = 0; at + size <= buffer.size(); at += size) {
    const auto unit = static_cast<float>(static_cast<int32_t>(random.next() >> 32)) * 0x1p-31F;
    const float value = spread.middle + spread.reach * unit;
    const uint16_t half = to_bf16(value);
    std::memcpy(buffer.data() + at, bf16 ? static_cast<const void*>(&half) : &value, size);
  }
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  return count;
}

int64_t bytes_of(const TensorShapes& shapes, int64_t element) {
  int64_t bytes = 0;
  for (const auto& [name, shape] : shapes) bytes += elements(shape) * element;
  return bytes;
}

struct Part {
  std::string folder, stem;
  Json config;
  TensorShapes shapes;
  bool bf16 = false;
};

class Writer {
 public:
  Writer(uint64_t seed, int64_t total, WriteProgress progress)
      : seed_(seed), total_(total), progress_(std::move(progress)) {}

  // One file, or shards of at most four gigabytes (or one tensor) and their index.
  Status write(const Part& part, const fs::path& folder) {
    std::vector<TensorShapes> shards(1);
    int64_t bytes = 0;
    const int64_t element = part.bf16 ? 2 : 4;
    for (const auto& [name, shape] : part.shapes) {
      if (bytes > 0 && bytes + elements(shape) * element > kShardBytes) {
        shards.emplace_back();
        bytes = 0;
      }
      shards.back()[name] = shape;
      bytes += elements(shape) * element;
    }
    if (shards.size() == 1) return write_file(folder / (part.stem + ".safetensors"), shards[0], part.bf16);
    Json map = Json::object();
    for (size_t i = 0; i < shards.size(); ++i) {
      const std::string file = shard_name(part.stem, i + 1, shards.size());
      for (const auto& [name, shape] : shards[i]) map[name] = file;
      WAN_TRY_VOID(write_file(folder / file, shards[i], part.bf16));
    }
    const Json index = {{"metadata", {{"total_size", bytes_of(part.shapes, element)}}}, {"weight_map", map}};
    return write_file_atomically(folder / (part.stem + ".safetensors.index.json"), index.dump(2));
  }

 private:
  static std::string shard_name(const std::string& stem, size_t number, size_t count) {
    const auto digits = [](size_t n) {
      return std::string(5 - std::to_string(n).size(), '0') + std::to_string(n);
    };
    return stem + "-" + digits(number) + "-of-" + digits(count) + ".safetensors";
  }

  Status write_file(const fs::path& file, const TensorShapes& shapes, bool bf16) {
    std::vector<weights::TensorEntry> entries;
    for (const auto& [name, shape] : shapes) {
      entries.push_back({name, bf16 ? weights::DType::kBF16 : weights::DType::kF32, shape});
    }
    std::ofstream out(file, std::ios::binary);
    out << weights::safetensors_header(entries, {{"format", "pt"}});
    for (const auto& [name, shape] : shapes) write_tensor(out, name, shape, bf16);
    out.close();
    if (out) return {};
    return fail(
        {ErrorCode::kResourceExhausted, file.string() + ": cannot be written (disk full or read-only?)"});
  }

  void write_tensor(std::ofstream& out, const std::string& name, const std::vector<int64_t>& shape,
                    bool bf16) {
    Random random{hash_of(name, seed_)};
    const Spread spread = spread_of(name, shape);
    int64_t left = elements(shape) * (bf16 ? 2 : 4);
    while (left > 0 && out) {
      const std::span part(buffer_.data(), static_cast<size_t>(std::min<int64_t>(left, kBufferBytes)));
      fill(part, random, spread, bf16);
      out.write(part.data(), static_cast<std::streamsize>(part.size()));
      left -= static_cast<int64_t>(part.size());
      done_ += static_cast<int64_t>(part.size());
      if (progress_) progress_(done_, total_);
    }
  }

  uint64_t seed_;
  int64_t total_, done_ = 0;
  WriteProgress progress_;
  std::vector<char> buffer_ = std::vector<char>(kBufferBytes);
};

void reduce(ModelDims& dims, const RandomModelRequest& request) {
  const auto divide = [&](int64_t& value) { value = std::max<int64_t>(1, value / request.scale); };
  divide(dims.text_encoder.num_heads);
  divide(dims.text_encoder.d_ff);
  dims.text_encoder.d_model = dims.text_encoder.num_heads * dims.text_encoder.d_kv;
  divide(dims.transformer.num_attention_heads);
  divide(dims.transformer.ffn_dim);
  dims.transformer.text_dim = dims.text_encoder.d_model;
  divide(dims.vae.base_dim);
  dims.vae.base_dim += dims.vae.base_dim % 2;  // an upsampler halves it
  if (dims.image_encoder) {
    divide(dims.image_encoder->num_attention_heads);
    divide(dims.image_encoder->intermediate_size);
    dims.image_encoder->hidden_size = dims.image_encoder->num_attention_heads * 80;
    dims.transformer.image_dim = dims.image_encoder->hidden_size;
  }
  if (request.layers == 0) return;
  dims.text_encoder.num_layers = dims.transformer.num_layers = request.layers;
  if (dims.image_encoder) dims.image_encoder->num_hidden_layers = request.layers;
}

Json text_config(const model::UMT5Config& c) {
  return {{"architectures", {"UMT5EncoderModel"}},
          {"model_type", "umt5"},
          {"feed_forward_proj", "gated-gelu"},
          {"vocab_size", c.vocab_size},
          {"d_model", c.d_model},
          {"d_kv", c.d_kv},
          {"d_ff", c.d_ff},
          {"num_layers", c.num_layers},
          {"num_heads", c.num_heads},
          {"relative_attention_num_buckets", c.relative_attention_num_buckets},
          {"relative_attention_max_distance", c.relative_attention_max_distance},
          {"layer_norm_epsilon", c.layer_norm_epsilon}};
}

Json image_config(const model::CLIPVisionConfig& c) {
  return {{"architectures", {"CLIPVisionModel"}},
          {"model_type", "clip_vision_model"},
          {"hidden_act", "gelu"},
          {"hidden_size", c.hidden_size},
          {"intermediate_size", c.intermediate_size},
          {"num_channels", 3},
          {"num_attention_heads", c.num_attention_heads},
          {"num_hidden_layers", c.num_hidden_layers},
          {"image_size", c.image_size},
          {"patch_size", c.patch_size},
          {"layer_norm_eps", c.layer_norm_eps}};
}

Json transformer_config(const model::WanTransformer3DConfig& c) {
  Json json = {{"_class_name", "WanTransformer3DModel"},
               {"num_attention_heads", c.num_attention_heads},
               {"attention_head_dim", c.attention_head_dim},
               {"in_channels", c.in_channels},
               {"out_channels", c.out_channels},
               {"text_dim", c.text_dim},
               {"freq_dim", c.freq_dim},
               {"ffn_dim", c.ffn_dim},
               {"num_layers", c.num_layers},
               {"eps", c.eps},
               {"cross_attn_norm", true},
               {"qk_norm", "rms_norm_across_heads"},
               {"patch_size", model::kPatchSize}};
  json["image_dim"] = c.image_dim ? Json(*c.image_dim) : Json();
  json["added_kv_proj_dim"] = c.image_dim ? Json(c.inner_dim()) : Json();
  return json;
}

Json vae_config(const model::AutoencoderKLWanConfig& c) {
  return {{"_class_name", "AutoencoderKLWan"},
          {"base_dim", c.base_dim},
          {"z_dim", c.z_dim},
          {"dim_mult", c.dim_mult},
          {"num_res_blocks", c.num_res_blocks},
          {"temperal_downsample", c.temperal_downsample},
          {"attn_scales", Json::array()},
          {"dropout", 0},
          {"latents_mean", c.latents_mean},
          {"latents_std", c.latents_std}};
}

std::vector<Part> parts_of(const ModelDims& dims, bool bf16) {
  std::vector<Part> parts = {
      {"text_encoder", "model", text_config(dims.text_encoder), tensor_shapes(dims.text_encoder), bf16},
      {"transformer", "diffusion_pytorch_model", transformer_config(dims.transformer),
       tensor_shapes(dims.transformer), bf16},
      {"vae", "diffusion_pytorch_model", vae_config(dims.vae), tensor_shapes(dims.vae), false}};
  if (dims.image_encoder) {
    parts.push_back({"image_encoder", "model", image_config(*dims.image_encoder),
                     tensor_shapes(*dims.image_encoder), bf16});
  }
  return parts;
}

Json model_index(bool from_image) {
  Json index = {{"_class_name", from_image ? "WanImageToVideoPipeline" : "WanPipeline"},
                {"scheduler", {"diffusers", "UniPCMultistepScheduler"}},
                {"text_encoder", {"transformers", "UMT5EncoderModel"}},
                {"tokenizer", {"transformers", "T5TokenizerFast"}},
                {"transformer", {"diffusers", "WanTransformer3DModel"}},
                {"vae", {"diffusers", "AutoencoderKLWan"}}};
  if (!from_image) return index;
  index["image_encoder"] = {"transformers", "CLIPVisionModel"};
  index["image_processor"] = {"transformers", "CLIPImageProcessor"};
  return index;
}

// Those of the published repositories: without them the stock pipelines of diffusers do not start.
Json scheduler_config(double shift) {
  return {{"_class_name", "UniPCMultistepScheduler"},
          {"num_train_timesteps", 1000},
          {"prediction_type", "flow_prediction"},
          {"use_flow_sigmas", true},
          {"flow_shift", shift},
          {"solver_order", 2},
          {"solver_type", "bh2"}};
}

Json image_processor_config(int64_t side) {
  return {{"image_processor_type", "CLIPImageProcessor"},
          {"do_resize", true},
          {"size", {{"shortest_edge", side}}},
          {"resample", 3},
          {"do_center_crop", true},
          {"crop_size", {{"height", side}, {"width", side}}},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255},
          {"do_normalize", true},
          {"do_convert_rgb", true},
          {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
          {"image_std", {0.26862954, 0.26130258, 0.27577711}}};
}

Status write_config(const fs::path& folder, const char* file, const Json& config) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) return fail(from_errno(error.value(), folder.string()));
  return write_file_atomically(folder / file, config.dump(2));
}

Status write_description(const Variant& variant, const ModelDims& dims, const fs::path& directory) {
  WAN_TRY_VOID(
      write_file_atomically(directory / "model_index.json", model_index(variant.from_image).dump(2)));
  WAN_TRY_VOID(
      write_config(directory / "scheduler", "scheduler_config.json", scheduler_config(variant.shift)));
  if (dims.image_encoder) {
    WAN_TRY_VOID(write_config(directory / "image_processor", "preprocessor_config.json",
                              image_processor_config(dims.image_encoder->image_size)));
  }
  const Json defaults = {{"task", variant.from_image ? "image-to-video" : "text-to-video"},
                         {"size", variant.size},
                         {"frames", 81},
                         {"fps", 16},
                         {"steps", variant.from_image ? 40 : 50},
                         {"guidanceScale", variant.guidance},
                         {"shift", variant.shift},
                         {"sampler", "unipc"},
                         {"negativePrompt", ""}};
  return write_file_atomically(directory / "generation_config.json", defaults.dump(2));
}

Status check_disk(const fs::path& parent, int64_t needed) {
  std::error_code error;
  const auto space = fs::space(parent, error);
  if (error) return fail(from_errno(error.value(), parent.string()));
  if (static_cast<int64_t>(space.available) >= needed) return {};
  return fail({ErrorCode::kResourceExhausted, parent.string() + ": " + std::to_string(space.available) +
                                                  " bytes free, the model needs " + std::to_string(needed) +
                                                  "; take another disk, fewer layers or a larger scale"});
}

Status write_into(const RandomModelRequest& request, const ModelDims& dims, const std::vector<Part>& parts,
                  int64_t total, const fs::path& directory, const WriteProgress& progress) {
  WAN_TRY_VOID(write_description(*find_variant(request.variant), dims, directory));
  std::error_code error;
  fs::copy(request.tokenizer, directory / "tokenizer", fs::copy_options::recursive, error);
  if (error) return fail(from_errno(error.value(), "copy the tokenizer " + request.tokenizer.string()));
  Writer writer(request.seed, total, progress);
  for (const Part& part : parts) {
    WAN_TRY_VOID(write_config(directory / part.folder, "config.json", part.config));
    WAN_TRY_VOID(writer.write(part, directory / part.folder));
  }
  return {};
}

}  // namespace

Result<ModelDims> variant_dims(const std::string& name) {
  const Variant* variant = find_variant(name);
  if (!variant) {
    return fail(invalid_argument("--variant: '" + name +
                                 "' is not allowed; allowed: t2v-1.3b, t2v-14b, i2v-14b-480p, i2v-14b-720p"));
  }
  ModelDims dims;
  dims.text_encoder = {
      .vocab_size = 256384, .d_model = 4096, .d_kv = 64, .d_ff = 10240, .num_layers = 24, .num_heads = 64};
  dims.transformer = {.num_attention_heads = variant->heads,
                      .attention_head_dim = 128,
                      .in_channels = variant->from_image ? 36 : 16,
                      .text_dim = 4096,
                      .ffn_dim = variant->ffn_dim,
                      .num_layers = variant->layers};
  dims.vae = {.base_dim = 96,
              .dim_mult = {1, 2, 4, 4},
              .temperal_downsample = {false, true, true},
              .latents_mean = std::vector<float>(16, 0.0F),
              .latents_std = std::vector<float>(16, 1.0F)};
  if (!variant->from_image) return dims;
  dims.image_encoder = {
      .hidden_size = 1280, .intermediate_size = 5120, .num_attention_heads = 16, .num_hidden_layers = 32};
  dims.transformer.image_dim = 1280;
  return dims;
}

Status make_random_model(const RandomModelRequest& request, const fs::path& directory,
                         const WriteProgress& progress) {
  WAN_TRY(ModelDims dims, variant_dims(request.variant));
  if (request.scale < 1) return fail(invalid_argument("--scale: must be at least 1"));
  std::error_code error;
  if (fs::exists(directory, error)) {
    return fail({ErrorCode::kAlreadyExists, directory.string() + ": exists already; name a new folder"});
  }
  reduce(dims, request);
  const auto parts = parts_of(dims, request.bf16);
  int64_t total = 0;
  for (const Part& part : parts) total += bytes_of(part.shapes, part.bf16 ? 2 : 4);
  const fs::path parent = directory.has_parent_path() ? directory.parent_path() : fs::path(".");
  WAN_TRY_VOID(check_disk(parent, total + kSpareBytes));
  const fs::path temporary =
      parent / ("." + directory.filename().string() + "." + std::to_string(::getpid()) + ".tmp");
  fs::create_directory(temporary, error);
  if (error) return fail(from_errno(error.value(), temporary.string()));
  Status status = write_into(request, dims, parts, total, temporary, progress);
  if (status) {
    fs::rename(temporary, directory, error);
    if (error) status = fail(from_errno(error.value(), directory.string()));
  }
  if (!status) fs::remove_all(temporary, error);
  return status;
}

}  // namespace wan::pipeline
