#include "runtime/pipeline/generator.h"

#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <chrono>
#include <new>
#include <span>

#include "base/clock.h"
#include "base/crypto/sha256.h"
#include "runtime/device/device.h"
#include "runtime/device/memory.h"
#include "runtime/media/encoder.h"
#include "runtime/pipeline/generation_checkpoint.h"
#include "runtime/pipeline/noise.h"
#include "runtime/pipeline/operation_count.h"
#include "runtime/pipeline/output_file.h"
#include "runtime/pipeline/progress_meter.h"
#include "runtime/pipeline/wan_model.h"
#include "runtime/pipeline/wan_pipeline.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr int kCrf = 10;  // what the official writer's quality 8 comes to
constexpr int kMaxEncoderThreads = 8;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int encoder_threads(const device::NumericsPlan& plan) { return std::min(plan.threads, kMaxEncoderThreads); }

Error out_of_memory() {
  return {ErrorCode::kResourceExhausted, "not enough memory; a smaller size or fewer frames need less"};
}

// Runs torch code; its exceptions end here.
template <typename Function>
auto guarded(Function&& function) -> decltype(function()) {
  try {
    const c10::InferenceMode guard;
    return function();
  } catch (const model::Interrupted&) {
    return fail(cancelled("the generation was cancelled"));
  } catch (const c10::OutOfMemoryError&) {
    return fail(out_of_memory());
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory());
  } catch (const c10::Error& error) {
    return fail(internal_error(std::string("torch: ") + error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return fail(internal_error(std::string("unexpected: ") + error.what()));
  }
}

class WanGenerator final : public Generator {
 public:
  WanGenerator(std::unique_ptr<WanModel> model, GeneratorSettings settings, fs::path media,
               device::NumericsPlan plan, std::string numerics_id, double load_seconds)
      : model_(std::move(model)),
        settings_(std::move(settings)),
        media_(std::move(media)),
        plan_(std::move(plan)),
        numerics_id_(std::move(numerics_id)),
        load_seconds_(load_seconds) {}

  const ModelInfo& info() const override { return model_->info; }
  const std::string& numerics_id() const override { return numerics_id_; }
  Result<std::string> numerics_id_of(const fs::path& output) const override {
    WAN_TRY(const auto format, media::video_format(output, 1));
    device::NumericsPlan plan = plan_;
    plan.encoder = media::encoder_id(format, kCrf, encoder_threads(plan));
    return device::numerics_id(plan);
  }

  Result<GenerationResult> generate(const ResolvedGeneration& generation, const fs::path& output,
                                    const ProgressSink& progress, const std::atomic<bool>& stop) override {
    WAN_TRY_VOID(check_request(generation));
    WAN_TRY_VOID(check_output(output, generation.frames));
    const model::Checkpoint checkpoint = [&stop] {
      if (stop.load(std::memory_order_relaxed)) throw model::Interrupted{};
    };
    const device::Interruptible interruptible(stop);
    ProgressMeter meter(progress, decode_estimate(generation), clock_);
    return guarded([&]() -> Result<GenerationResult> { return run(generation, output, meter, checkpoint); });
  }

 private:
  Status check_request(const ResolvedGeneration& generation) const {
    if (!model_->text_encoder) {
      return fail(failed_precondition("this generator was loaded for a single generation; load it again"));
    }
    if (generation.task == model_->info.defaults.task) return {};
    return fail(invalid_argument("model " + model_->info.name + " makes " + model_->info.defaults.task +
                                 "; the request is " + generation.task));
  }

  Result<GenerationResult> run(const ResolvedGeneration& generation, const fs::path& output,
                               ProgressMeter& meter, const model::Checkpoint& checkpoint) {
    GenerationResult result;
    result.timings.load = load_seconds_;
    WAN_TRY(result.numerics_id, numerics_id_of(output));  // before there is an output: a folder must be empty
    WAN_TRY(const auto checkpoints, checkpoint_folder(generation));
    WAN_TRY(const at::Tensor latents,
            make_latents(generation, checkpoints, meter, checkpoint, result.timings));
    WAN_TRY_VOID(write_video(generation, latents, output, meter, checkpoint, result));
    WAN_TRY_VOID(describe_output(output, result));
    if (checkpoints) checkpoints->remove();
    result.width = generation.width;
    result.height = generation.height;
    result.frames = generation.frames;
    result.fps = generation.fps;
    result.duration_seconds = static_cast<double>(generation.frames) / generation.fps;
    result.seed = generation.seed;
    result.model_digest = model_->info.digest;
    return result;
  }

  void say(const std::string& notice) const {
    if (settings_.notice) settings_.notice(notice);
  }

  Result<std::optional<CheckpointFolder>> checkpoint_folder(const ResolvedGeneration& generation) const {
    if (settings_.checkpoints.directory.empty()) return std::nullopt;
    Json inputs = to_json(generation);
    inputs["modelDigest"] = model_->info.digest;
    inputs["numericsId"] = numerics_id_;  // of an mp4, always: latents know nothing of the file's format
    if (!settings_.noise.empty()) {
      WAN_TRY(inputs["noise"], sha256_file_digest(settings_.noise));
    }
    WAN_TRY(auto folder, CheckpointFolder::open(settings_.checkpoints.directory, std::move(inputs)));
    return folder;
  }

  Result<at::Tensor> starting_latents(const ResolvedGeneration& generation) const {
    const at::Tensor drawn = prepare_latents(*model_, generation.frames, generation.height, generation.width,
                                             static_cast<uint64_t>(generation.seed));
    if (settings_.noise.empty()) return drawn;
    return read_noise(settings_.noise, drawn.sizes());
  }

  // The latents to go on from; `sampler` is brought to their step.
  Result<at::Tensor> resume(const CheckpointFolder& folder, at::Tensor noise,
                            scheduler::Sampler& sampler) const {
    const auto checkpoint = folder.newest();
    if (checkpoint && checkpoint->latents.sizes() == noise.sizes()) {
      WAN_TRY_VOID(sampler.restore(checkpoint->sampler));
      say("resumed at step " + std::to_string(sampler.steps_done()));
      return checkpoint->latents;
    }
    const std::string others = folder.others();
    if (!others.empty()) say("the checkpoints are of another generation: " + others + "; starting at step 0");
    return noise;
  }

  Result<at::Tensor> make_latents(const ResolvedGeneration& generation,
                                  const std::optional<CheckpointFolder>& checkpoints, ProgressMeter& meter,
                                  const model::Checkpoint& checkpoint, Timings& timings) const {
    constexpr int kPrompts = 2;
    meter.begin("TextEncode", kPrompts);
    WAN_TRY(const at::Tensor positive_rows, encode_prompt(*model_, generation.prompt, checkpoint));
    Guidance guidance{.scale = generation.guidance_scale};
    guidance.positive = model_->transformer->encode_text(positive_rows);
    meter.advance(1);
    WAN_TRY(const at::Tensor negative_rows, encode_prompt(*model_, generation.negative_prompt, checkpoint));
    guidance.negative = model_->transformer->encode_text(negative_rows);
    meter.advance(kPrompts);
    timings.text_encode = meter.elapsed();
    if (settings_.single_use) model_->text_encoder.reset();

    guidance.image = make_condition(generation, meter, checkpoint, timings);
    WAN_TRY(auto sampler, scheduler::make_sampler(generation.sampler, generation.steps, generation.shift));
    WAN_TRY(at::Tensor latents, starting_latents(generation));
    if (checkpoints) {
      WAN_TRY(latents, resume(*checkpoints, latents, sampler));
    }
    meter.begin("Denoise", generation.steps, sampler.steps_done());
    CheckpointKeeper keeper(checkpoints, settings_.checkpoints.every);
    WAN_TRY(latents, denoise_kept(latents, sampler, guidance, keeper, meter, checkpoint));
    timings.denoise = meter.elapsed();
    if (settings_.single_use) model_->transformer.reset();
    device::give_back_freed_memory();  // which the transformer's steps have kept (KeptAllocations)
    return latents;
  }

  // Where a save fails, the generation ends: who asked for checkpoints should not find out after hours.
  Result<at::Tensor> denoise_kept(const at::Tensor& latents, scheduler::Sampler& sampler,
                                  const Guidance& guidance, CheckpointKeeper& keeper, ProgressMeter& meter,
                                  const model::Checkpoint& checkpoint) const {
    const device::KeptAllocations kept;  // from one forward to the next
    const double blocks = blocks_in_a_step(guidance);
    int64_t begun = 0;  // blocks of this step
    const auto on_step = [&](int done, const at::Tensor& after) {
      begun = 0;
      meter.advance(done);
      keeper.after_step(sampler, after);
    };
    const model::Checkpoint between_blocks = [&] {
      if (!keeper.status()) throw model::Interrupted{};
      checkpoint();
      if (begun > 0) meter.within(static_cast<double>(begun) / blocks);
      ++begun;
    };
    try {
      at::Tensor last = denoise(*model_, latents, sampler, guidance, on_step, between_blocks);
      // Of the last step: the video is nearly there.
      if (!keeper.status()) say("the checkpoint cannot be written: " + keeper.status().error().message);
      return last;
    } catch (const model::Interrupted&) {
      if (!keeper.status()) return fail(keeper.status().error());
      const int step = keeper.save_last();
      if (step > 0)
        say("checkpoint of step " + std::to_string(step) + " written; the same call goes on from it");
      throw;
    }
  }

  double blocks_in_a_step(const Guidance& guidance) const {
    const auto layers = static_cast<double>(model_->transformer->config().num_layers);
    return guidance.scale == 1 ? layers : 2 * layers;
  }

  // Its time counts as that of the text.
  ImageCondition make_condition(const ResolvedGeneration& generation, ProgressMeter& meter,
                                const model::Checkpoint& checkpoint, Timings& timings) const {
    if (!generation.image) return {};
    const VideoShape shape = {generation.frames, generation.height, generation.width};
    const int64_t latent_frames = (shape.frames - 1) / 4 + 1;
    meter.begin("ImageEncode", latent_frames);
    const auto on_latent_frame = [&](int64_t done) { meter.advance(done); };
    ImageCondition condition = encode_image(*model_, *generation.image, shape, on_latent_frame, checkpoint);
    meter.advance(latent_frames);
    timings.text_encode += meter.elapsed();
    if (settings_.single_use) model_->image_encoder.reset();
    return condition;
  }

  // A single picture on its own; frames of a video are cut even if there is one.
  static Rounding rounding_for(const fs::path& output, int frames) {
    return frames == 1 && is_picture(output) ? Rounding::kNearest : Rounding::kDown;
  }

  // Decodes into the encoder; neither holds more than a few frames.
  Status write_video(const ResolvedGeneration& generation, const at::Tensor& latents, const fs::path& output,
                     ProgressMeter& meter, const model::Checkpoint& checkpoint, GenerationResult& result) {
    meter.begin("Decode", generation.frames);
    const media::VideoSettings video = {.width = generation.width,
                                        .height = generation.height,
                                        .frames = generation.frames,
                                        .fps = generation.fps,
                                        .crf = kCrf,
                                        .threads = encoder_threads(plan_)};
    WAN_TRY(const auto encoder, media::VideoEncoder::start(media_, video, output));
    Sha256 digest;
    int64_t done = 0;
    const FrameSink sink = [&](const at::Tensor& frames) -> Status {
      const std::span bytes(static_cast<const std::byte*>(frames.const_data_ptr()), frames.nbytes());
      digest.update(bytes);
      WAN_TRY_VOID(encoder->write(bytes));
      meter.advance(done += frames.size(0));
      return {};
    };
    WAN_TRY_VOID(decode_latents(*model_, latents, sink, checkpoint, rounding_for(output, generation.frames)));
    result.frames_sha256 = digest.finish_digest();
    result.timings.decode = meter.elapsed();
    decode_seconds_per_pixel_ = result.timings.decode / pixels(generation);
    meter.begin("Encode", 1);
    WAN_TRY_VOID(encoder->finish());
    meter.advance(1);
    result.timings.encode = meter.elapsed();
    return {};
  }

  static double pixels(const ResolvedGeneration& generation) {
    return static_cast<double>(generation.width) * generation.height * generation.frames;
  }

  // For the display only: nothing is decided by it.
  DecodeEstimate decode_estimate(const ResolvedGeneration& generation) const {
    if (decode_seconds_per_pixel_ >= 0) return {.seconds = decode_seconds_per_pixel_ * pixels(generation)};
    const MemoryRequest request = {
        .width = generation.width, .height = generation.height, .frames = generation.frames};
    return {.steps = decode_in_steps(model_->transformer->config(), model_->vae->config(), request)};
  }

  SystemClock clock_;
  std::unique_ptr<WanModel> model_;
  GeneratorSettings settings_;
  fs::path media_;
  device::NumericsPlan plan_;
  std::string numerics_id_;
  double load_seconds_;
  double decode_seconds_per_pixel_ = -1;
};

Result<std::unique_ptr<Generator>> load(const fs::path& model_dir, const GeneratorSettings& settings,
                                        const ProgressSink& progress) {
  const auto start = std::chrono::steady_clock::now();
  WAN_TRY(const fs::path media, media::find_media_program(settings.media_program));
  WAN_TRY(auto device, device::choose_device(settings.device, settings.threads));
  device.plan.encoder = media::encoder_id(media::VideoFormat::kMp4, kCrf, encoder_threads(device.plan));
  const model::Checkpoint between_tensors = [stop = settings.stop] {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) throw model::Interrupted{};
  };
  WAN_TRY(auto model, load_model(model_dir, device, progress, settings.precision, between_tensors));
  device.plan.precision = model->info.precision;
  WAN_TRY(const std::string numerics_id, device::numerics_id(device.plan));
  return std::make_unique<WanGenerator>(std::move(model), settings, media, std::move(device.plan),
                                        numerics_id, seconds_since(start));
}

}  // namespace

Result<std::unique_ptr<Generator>> load_generator(const fs::path& model_dir,
                                                  const GeneratorSettings& settings,
                                                  const ProgressSink& progress) {
  return guarded([&] { return load(model_dir, settings, progress); });
}

}  // namespace wan::pipeline
