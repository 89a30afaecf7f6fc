// A whole job, step by step, from prompt, image and seed to the bytes of the frames.

#include <ATen/ops/cat.h>
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

constexpr double kNoiseLimit = 1e-6;
constexpr double kLatentsLimit = 1e-5;

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
    frames(denoise(guidance));
    return std::move(rows_);
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

  void frames(const at::Tensor& latents) {
    std::vector<at::Tensor> parts;
    const auto collect = [&](const at::Tensor& more) -> Status {
      parts.push_back(more);
      return {};
    };
    const Status status = pipeline::decode_latents(model_, latents, collect, {});
    if (!status) throw GoldenError(status.error().message);
    rows_.push_back(nearly_equal_bytes(label("frames_u8"), at::cat(parts), data_.at("frames_u8")));
  }

  std::string name_;
  const pipeline::WanModel& model_;
  const Golden& golden_;
  Json settings_;
  Tensors data_;
  Rows rows_;
};

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
  }
  return rows;
}

}  // namespace wan::verify
