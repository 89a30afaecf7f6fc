#include "runtime/pipeline/generation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "runtime/pipeline/video_size.h"
#include "runtime/scheduler/schedule.h"
#include "runtime/tokenizer/utf8.h"

namespace wan::pipeline {
namespace {

constexpr size_t kMaxPromptCharacters = 4096;
constexpr int64_t kMaxSeed = 4294967295;

// What the official programs use when a published model's directory says nothing itself.
constexpr std::string_view kOfficialNegativePrompt =
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，"
    "JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体"
    "，"
    "手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走";

// The official program for image to video begins its own so: "camera shake,".
constexpr std::string_view kImageNegativePrefix = "镜头晃动，";

constexpr std::string_view kImageToVideo = "image-to-video";

std::string official_negative_prompt(std::string_view task) {
  return std::string(task == kImageToVideo ? kImageNegativePrefix : "") +
         std::string(kOfficialNegativePrompt);
}

Error wrong(std::string_view field, std::string_view value, std::string_view allowed) {
  return invalid_argument(std::string(field) + ": " + std::string(value) + " is not allowed; " +
                          std::string(allowed));
}

Error wrong_type(std::string_view field, const Json& value, std::string_view expected) {
  return wrong(field, to_text(value), "it must be " + std::string(expected));
}

// Shortest text that reads back as the same number.
std::string number(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// Readers of one member each: absent or null leaves `target` as it is.
Status read(const Json& object, const char* field, std::optional<std::string>& target) {
  const auto member = object.find(field);
  if (member == object.end() || member->is_null()) return {};
  if (!member->is_string()) return fail(wrong_type(field, *member, "a string"));
  target = member->get<std::string>();
  return {};
}

template <typename Integer>
Status read_integer(const Json& object, const char* field, std::optional<Integer>& target) {
  const auto member = object.find(field);
  if (member == object.end() || member->is_null()) return {};
  if (!member->is_number_integer()) return fail(wrong_type(field, *member, "a whole number"));
  const bool too_big = member->is_number_unsigned() && member->get<uint64_t>() > INT64_MAX;
  const int64_t value = too_big ? INT64_MAX : member->get<int64_t>();
  if (too_big || !std::in_range<Integer>(value)) {
    return fail(wrong_type(field, *member, "a smaller whole number"));
  }
  target = static_cast<Integer>(value);
  return {};
}

Status read(const Json& object, const char* field, std::optional<double>& target) {
  const auto member = object.find(field);
  if (member == object.end() || member->is_null()) return {};
  if (!member->is_number()) return fail(wrong_type(field, *member, "a number"));
  target = member->get<double>();
  return {};
}

Status check_prompt(std::string_view field, const std::string& text) {
  const auto characters = tokenizer::count_code_points(text);
  if (!characters) return fail(invalid_argument(std::string(field) + ": the text is not UTF-8"));
  if (*characters > kMaxPromptCharacters) {
    return fail(wrong(field, "a text of " + std::to_string(*characters) + " characters",
                      "it may have up to " + std::to_string(kMaxPromptCharacters)));
  }
  return {};
}

Status check_integer(std::string_view field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return fail(wrong(field, std::to_string(value),
                    "it must be a whole number from " + std::to_string(low) + " to " + std::to_string(high)));
}

Status check_number(std::string_view field, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return {};
  return fail(wrong(field, number(value), "it must be a number from " + number(low) + " to " + number(high)));
}

Status check_image(const GenerationSpec& spec, const GenerationDefaults& defaults) {
  const bool wanted = defaults.task == kImageToVideo;
  if (wanted && !spec.image) {
    return fail(invalid_argument(
        "image: missing; this model makes videos from an image and a prompt (task image-to-video)"));
  }
  if (!wanted && spec.image) {
    return fail(invalid_argument("image: not allowed; this model makes videos from text alone (task " +
                                 defaults.task + ")"));
  }
  return {};
}

Result<VideoSize> resolve_size(const GenerationSpec& spec, const GenerationDefaults& defaults) {
  WAN_TRY(const VideoSize asked, parse_size(spec.size.value_or(defaults.size)));
  if (!spec.image) return asked;
  const int64_t area = static_cast<int64_t>(asked.width) * asked.height;
  WAN_TRY(const VideoSize size, size_for_image(area, spec.image->width, spec.image->height));
  if (std::max(size.width, size.height) <= kMaxSide) return size;
  return fail(wrong("image", std::to_string(spec.image->width) + "x" + std::to_string(spec.image->height),
                    "a video of this shape would be " + std::to_string(size.width) + "x" +
                        std::to_string(size.height) + "; sides may have up to 4096 pixels. Cut the image"));
}

Status check(const ResolvedGeneration& generation) {
  WAN_TRY_VOID(check_prompt("prompt", generation.prompt));
  WAN_TRY_VOID(check_prompt("negativePrompt", generation.negative_prompt));
  WAN_TRY_VOID(check_frames(generation.frames));
  WAN_TRY_VOID(check_integer("fps", generation.fps, 1, 120));
  WAN_TRY_VOID(check_integer("steps", generation.steps, 1, 1000));
  WAN_TRY_VOID(check_number("guidanceScale", generation.guidance_scale, 0, 100));
  WAN_TRY_VOID(check_number("shift", generation.shift, 0.01, 100));
  WAN_TRY_VOID(scheduler::find_sampler(generation.sampler));
  return check_integer("seed", generation.seed, 0, kMaxSeed);
}

Result<int64_t> derive_seed(const ResolvedGeneration& generation, const std::string& namespace_,
                            const std::string& name) {
  Json inputs = to_json(generation);
  inputs.erase("seed");
  inputs["namespace"] = namespace_;
  inputs["name"] = name;
  WAN_TRY(const std::string text, canonical_json(inputs));
  const Sha256Bytes digest = sha256(text);
  int64_t seed = 0;
  for (int i = 0; i < 4; ++i) seed = seed << 8 | digest[i];
  return seed;
}

GenerationDefaults official_defaults(bool image_to_video) {
  GenerationDefaults defaults;
  defaults.task = image_to_video ? "image-to-video" : "text-to-video";
  defaults.size = "832x480";
  defaults.frames = 81;
  defaults.steps = image_to_video ? 40 : 50;
  defaults.guidance_scale = 5;
  defaults.shift = 5;
  if (image_to_video) defaults.shift_480p = 3;
  defaults.negative_prompt = official_negative_prompt(defaults.task);
  return defaults;
}

double default_shift(const GenerationDefaults& defaults, const std::string& size) {
  const bool is_480p = size == "832x480" || size == "480x832";
  return is_480p && defaults.shift_480p ? *defaults.shift_480p : defaults.shift;
}

Status check_known_fields(const Json& object, std::string_view allowed) {
  const std::string list = ", " + std::string(allowed) + ",";
  for (const auto& [field, value] : object.items()) {
    if (list.find(", " + field + ",") == std::string::npos) {
      return fail(invalid_argument("unknown field '" + field + "'; allowed: " + std::string(allowed)));
    }
  }
  return {};
}

Result<GenerationDefaults> defaults_from_json(const Json& object) {
  if (!object.is_object()) return fail(invalid_argument("must be a JSON object"));
  WAN_TRY_VOID(check_known_fields(
      object, "task, size, frames, fps, steps, guidanceScale, shift, sampler, negativePrompt"));
  WAN_TRY(const GenerationSpec spec, generation_spec_from_json(object));
  std::optional<std::string> task;
  WAN_TRY_VOID(read(object, "task", task));
  GenerationDefaults defaults;
  defaults.task = task.value_or(defaults.task);
  if (defaults.task != "text-to-video" && defaults.task != "image-to-video") {
    return fail(wrong("task", "'" + defaults.task + "'", "allowed: text-to-video, image-to-video"));
  }
  if (!spec.size || !spec.frames || !spec.steps || !spec.guidance_scale || !spec.shift) {
    return fail(invalid_argument("size, frames, steps, guidanceScale and shift must all be set"));
  }
  defaults.size = *spec.size;
  defaults.frames = *spec.frames;
  defaults.fps = spec.fps.value_or(defaults.fps);
  defaults.steps = *spec.steps;
  defaults.guidance_scale = *spec.guidance_scale;
  defaults.shift = *spec.shift;
  defaults.sampler = spec.sampler.value_or(defaults.sampler);
  defaults.negative_prompt = spec.negative_prompt.value_or(official_negative_prompt(defaults.task));
  return defaults;
}

}  // namespace

Result<GenerationSpec> generation_spec_from_json(const Json& spec) {
  if (!spec.is_object()) return fail(invalid_argument("spec: must be an object"));
  GenerationSpec out;
  WAN_TRY_VOID(read(spec, "prompt", out.prompt));
  WAN_TRY_VOID(read(spec, "negativePrompt", out.negative_prompt));
  WAN_TRY_VOID(read(spec, "size", out.size));
  WAN_TRY_VOID(read_integer(spec, "frames", out.frames));
  WAN_TRY_VOID(read_integer(spec, "fps", out.fps));
  WAN_TRY_VOID(read_integer(spec, "steps", out.steps));
  WAN_TRY_VOID(read(spec, "guidanceScale", out.guidance_scale));
  WAN_TRY_VOID(read(spec, "shift", out.shift));
  WAN_TRY_VOID(read(spec, "sampler", out.sampler));
  WAN_TRY_VOID(read_integer(spec, "seed", out.seed));
  return out;
}

Result<GenerationDefaults> read_generation_defaults(const std::filesystem::path& model_dir) {
  const auto file = model_dir / "generation_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    const auto index = read_file(model_dir / "model_index.json", 1u << 20);
    const auto official = read_file(model_dir / "config.json", 1u << 20);
    const bool image = (index && index->find("ImageToVideo") != std::string::npos) ||
                       (official && official->find("\"i2v\"") != std::string::npos);
    return official_defaults(image);
  }
  WAN_TRY(const std::string text, read_file(file, 1u << 20));
  auto json = parse_json(text);
  if (!json) return fail(json.error().with_context(file.string()));
  auto defaults = defaults_from_json(*json);
  if (!defaults) return fail(defaults.error().with_context(file.string()));
  return defaults;
}

Json to_json(const GenerationDefaults& defaults) {
  return {{"task", defaults.task},
          {"size", defaults.size},
          {"frames", defaults.frames},
          {"fps", defaults.fps},
          {"steps", defaults.steps},
          {"guidanceScale", defaults.guidance_scale},
          {"shift", default_shift(defaults, defaults.size)},
          {"sampler", defaults.sampler},
          {"negativePrompt", defaults.negative_prompt}};
}

Json to_json(const ResolvedGeneration& generation) {
  Json json = {{"task", generation.task},
               {"prompt", generation.prompt},
               {"negativePrompt", generation.negative_prompt},
               {"size", std::to_string(generation.width) + "x" + std::to_string(generation.height)},
               {"frames", generation.frames},
               {"fps", generation.fps},
               {"steps", generation.steps},
               {"guidanceScale", generation.guidance_scale},
               {"shift", generation.shift},
               {"sampler", generation.sampler},
               {"seed", generation.seed},
               {"precision", generation.precision}};
  if (generation.image) json["image"] = generation.image->digest;
  return json;
}

Result<ResolvedGeneration> resolve(const GenerationSpec& spec, const GenerationDefaults& defaults,
                                   const std::string& namespace_, const std::string& name) {
  ResolvedGeneration out;
  out.task = defaults.task;
  if (!spec.prompt) {
    return fail(invalid_argument(
        "prompt: missing; say what the video shows, in up to 4096 characters (it may be empty)"));
  }
  out.prompt = *spec.prompt;
  out.negative_prompt = spec.negative_prompt.value_or(defaults.negative_prompt);
  WAN_TRY_VOID(check_image(spec, defaults));
  WAN_TRY(const VideoSize size, resolve_size(spec, defaults));
  out.image = spec.image;
  out.width = size.width;
  out.height = size.height;
  out.frames = spec.frames.value_or(defaults.frames);
  out.fps = spec.fps.value_or(defaults.fps);
  out.steps = spec.steps.value_or(defaults.steps);
  out.guidance_scale = spec.guidance_scale.value_or(defaults.guidance_scale);
  out.shift = spec.shift.value_or(default_shift(defaults, spec.size.value_or(defaults.size)));
  out.sampler = spec.sampler.value_or(defaults.sampler);
  out.seed = spec.seed.value_or(0);
  WAN_TRY_VOID(check(out));
  if (!spec.seed) {
    WAN_TRY(out.seed, derive_seed(out, namespace_, name));
  }
  return out;
}

}  // namespace wan::pipeline
