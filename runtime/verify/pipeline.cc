// A whole job, step by step, from prompt, image and seed to the bytes of the frames.

#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "runtime/pipeline/noise.h"
#include "runtime/pipeline/video_size.h"
#include "runtime/pipeline/wan_pipeline.h"
#include "runtime/tokenizer/prompt_clean.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kNoiseLimit = 2e-6;  // torch's own CPU code paths are up to 1.2e-6 apart
constexpr double kLatentsLimit = 1e-5;
constexpr double kVideoLimit = 2e-5;  // the peer on the same weights is 4e-6 to 1.2e-5 away

class Job {
 public:
  Job(std::string name, const pipeline::WanModel& model, const Golden& golden, Json settings)
      : name_(std::move(name)),
        model_(model),
        golden_(golden),
        settings_(std::move(settings)),
        data_(golden.tensors(settings_.at("file"))) {}

  [[nodiscard]] Rows compare() {
    const at::Tensor& noise = data_.at("noise");
    const at::Tensor ours = pipeline::gaussian_noise(noise.sizes(), settings_.at("seed").get<uint64_t>());
    rows_.push_back(within_absolute(label("noise"), ours, noise, kNoiseLimit));
    const auto& transformer = *model_.transformer;
    pipeline::Guidance guidance = {.positive = transformer.encode_text(prompt("prompt", "")),
                                   .negative = transformer.encode_text(prompt("n_prompt", "_null")),
                                   .image = image(),
                                   .scale = settings_.at("guide_scale")};
    predictions(guidance);
    decoded(denoise(guidance));
    return std::move(rows_);
  }

  // Ours in bf16: only where it ends, which is what the official error is known of.
  [[nodiscard]] Row compare_bf16() {
    const auto& transformer = *model_.transformer;
    const pipeline::Guidance guidance = {.positive = transformer.encode_text(data_.at("context")),
                                         .negative = transformer.encode_text(data_.at("context_null")),
                                         .image = image(),
                                         .scale = settings_.at("guide_scale")};
    const at::Tensor& golden = data_.at("latents");
    return within_official_bf16(label("last latents"), denoise(guidance), golden[golden.size(0) - 1],
                                settings_.at("official_bf16_end").at("latent_rel_l2"));
  }

 private:
  [[nodiscard]] std::string label(const std::string& tensor) const { return name_ + " " + tensor; }

  // The text rows of one prompt; its ids are compared on the way.
  at::Tensor prompt(const std::string& field, const std::string& suffix) {
    const std::string text = settings_.at(field);
    const auto ids = model_.tokenizer->encode(tokenizer::clean_prompt(text));
    rows_.push_back(same_ids(label("ids" + suffix), ids, integers(data_.at("ids" + suffix))));
    const at::Tensor context = must(pipeline::encode_prompt(model_, text, {}));
    rows_.push_back(within_relative(label("context" + suffix), context, data_.at("context" + suffix),
                                    golden_.model_limit()));
    return context;
  }

  // Nothing for text to video.
  pipeline::ImageCondition image() {
    if (!settings_.contains("image")) return {};
    const pipeline::InputImage picture = golden_.image(settings_.at("image"));
    const auto size = must(pipeline::size_for_image(settings_.at("max_area"), picture.width, picture.height));
    const std::vector<int64_t> sides = {size.height, size.width};
    rows_.push_back(same_ids(label("out_hw"), sides, settings_.at("out_hw").get<std::vector<int64_t>>()));
    const at::Tensor pixels = pipeline::clip_pixel_values(pipeline::image_tensor(picture),
                                                          model_.image_encoder->config().image_size);
    rows_.push_back(within_relative(label("clip_fea"), model_.image_encoder->forward(pixels, {}),
                                    data_.at("clip_fea")[0], golden_.model_limit()));
    const pipeline::VideoShape shape = {settings_.at("frame_num"), size.height, size.width};
    auto condition = pipeline::encode_image(model_, picture, shape, {}, {});
    rows_.push_back(within_relative(label("y"), condition.channels, data_.at("y"), kLatentsLimit));
    return condition;
  }

  at::Tensor denoise(const pipeline::Guidance& guidance) {
    auto sampler = must(scheduler::make_sampler(settings_.at("sample_solver").get<std::string>(),
                                                settings_.at("sampling_steps"), settings_.at("shift")));
    const auto& timesteps = sampler.schedule().timesteps;
    rows_.push_back(
        same_ids(label("timesteps"), {timesteps.begin(), timesteps.end()}, integers(data_.at("timesteps"))));
    const at::Tensor& golden = data_.at("latents");
    const auto compare = [&](int done, const at::Tensor& latents) {
      const std::string name = label(fmt::format("latents step {}", done));
      rows_.push_back(within_relative(name, latents, golden[done - 1], kLatentsLimit));
    };
    return pipeline::denoise(model_, data_.at("noise"), sampler, guidance, compare, {});
  }

  // Each step's forwards, from the golden latents before it.
  void predictions(const pipeline::Guidance& guidance) {
    const std::vector<int64_t> timesteps = integers(data_.at("timesteps"));
    const at::Tensor& latents = data_.at("latents");
    const auto& transformer = *model_.transformer;
    const at::Tensor rotary = transformer.rotary(latents.size(2), latents.size(3), latents.size(4));
    for (int64_t i = 0; i < std::ssize(timesteps); ++i) {
      const at::Tensor before = i == 0 ? data_.at("noise") : latents[i - 1];
      const auto velocity = pipeline::predict_velocity(transformer, before, static_cast<double>(timesteps[i]),
                                                       guidance, rotary, {});
      prediction("cond", i, velocity.conditional);
      if (velocity.unconditional.defined()) prediction("uncond", i, velocity.unconditional);
      prediction("noise_pred", i, velocity.guided);
    }
  }

  // Guidance multiplies the error of a difference of two nearly equal predictions.
  void prediction(const std::string& tensor, int64_t step, const at::Tensor& ours) {
    const std::string name = label(fmt::format("{} step {}", tensor, step + 1));
    rows_.push_back(within_relative(name, ours, data_.at(tensor)[step], kLatentsLimit));
  }

  void decoded(const at::Tensor& latents) {
    model::FeatCache cache;
    std::vector<at::Tensor> parts;
    for (int64_t i = 0; i < latents.size(1); ++i) {
      parts.push_back(model_.vae->decode(latents.narrow(1, i, 1), cache, {}));
    }
    const at::Tensor video = at::clamp(at::cat(parts, 1), -1, 1);
    rows_.push_back(within_relative(label("video"), video, data_.at("video"), kVideoLimit));
    rows_.push_back(nearly_equal_bytes(label("frames_u8"), frames(latents, pipeline::Rounding::kDown),
                                       data_.at("frames_u8")));
    if (!data_.contains("image_u8")) return;
    rows_.push_back(nearly_equal_bytes(label("image_u8"), frames(latents, pipeline::Rounding::kNearest)[0],
                                       data_.at("image_u8")));
  }

  [[nodiscard]] at::Tensor frames(const at::Tensor& latents, pipeline::Rounding rounding) const {
    std::vector<at::Tensor> parts;
    const auto collect = [&](const at::Tensor& more) -> Status {
      parts.push_back(more);
      return {};
    };
    const Status status = pipeline::decode_latents(model_, latents, collect, {}, rounding);
    if (!status) throw GoldenError(status.error().message);
    return at::cat(parts);
  }

  std::string name_;
  const pipeline::WanModel& model_;
  const Golden& golden_;
  Json settings_;
  Tensors data_;
  Rows rows_;
};

void append_bf16(Rows& rows, const Golden& golden, const std::string& layout) {
  const auto model = must(pipeline::load_model(golden.path(layout), golden.device(), {}, "bf16"));
  for (const Json& settings : golden.manifest().at("cases")) {
    if (!settings.contains("official_bf16_end")) continue;
    const std::string name = fmt::format("{} {}", layout, settings.at("name").get<std::string>());
    rows.push_back(Job(name, *model, golden, settings).compare_bf16());
  }
}

}  // namespace

Rows verify_pipeline(const Golden& golden) {
  Rows rows;
  for (const std::string layout : {"diffusers", "official"}) {
    if (!golden.has(layout)) continue;
    const auto model = must(pipeline::load_model(golden.path(layout), golden.device(), {}, "fp32"));
    for (const Json& settings : golden.manifest().at("cases")) {
      Job job(fmt::format("{} {}", layout, settings.at("name").get<std::string>()), *model, golden, settings);
      for (Row& row : job.compare()) rows.push_back(std::move(row));
    }
    append_bf16(rows, golden, layout);
  }
  append_bf16_mean(rows);
  return rows;
}

}  // namespace wan::verify
