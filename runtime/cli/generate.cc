#include "runtime/cli/generate.h"

#include <atomic>
#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <optional>
#include <signal.h>
#include <string>
#include <unistd.h>

#include "runtime/cli/command.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/memory_check.h"
#include "runtime/cli/model_lookup.h"
#include "runtime/cli/progress_display.h"
#include "runtime/cli/videojob.h"
#include "runtime/pipeline/generator.h"

namespace wan::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string manifest;  // "" : none
  std::string model, image, output;
  std::string output_dir = ".";
  std::optional<std::string> prompt, negative_prompt, size, sampler;
  std::optional<int> frames, fps, steps;
  std::optional<double> guidance_scale, shift;
  std::optional<int64_t> seed;
  std::string device = "auto";
  std::optional<std::string> precision;
  int threads = 0;
  std::string checkpoint, noise;
  int checkpoint_every = 1;
  bool json = false;
};

constexpr const char* kFooter =
    R"(Without flags and manifest fields the model's own defaults apply; flags win over the manifest.
A missing seed is derived from name and inputs, so the same call gives the same video.

Examples:
  wan-runtime generate --prompt "a red ball moves to the right on a blue background" -o ball.mp4
  wan-runtime generate -f manifests/samples/videojob.yaml --output-dir videos
  wan-runtime generate --prompt "a green square" --frames 1 -o square.png
  wan-runtime generate -f long.yaml --checkpoint checkpoints --checkpoint-every 5
  wan-runtime generate -f job.yaml --steps 30 --seed 7 --json
  wan-runtime generate --model models/Wan2.1-I2V --image cat.jpg --prompt "the cat turns its head" -o cat.mp4

Exit codes: 0 the video is written; 1 it failed; 2 bad flags, manifest or values; 130 interrupted (nothing is
left under the output's name).)";

void add_options(CLI::App& app, Options& options) {
  app.add_option("-f,--filename", options.manifest, "VideoJob manifest (YAML or JSON), - for standard input");
  app.add_option("--model", options.model,
                 "model directory, or a name in $WAN_STORE, or wan-tiny (built in)");
  app.add_option("--prompt", options.prompt, "what the video shows");
  app.add_option("--negative-prompt", options.negative_prompt,
                 "what it should not show (default: the model's own; '' for nothing)");
  app.add_option("--image", options.image,
                 "first frame, for image-to-video models: a PNG, JPEG or WebP file");
  app.add_option("--size", options.size, "WIDTHxHEIGHT, multiples of 16");
  app.add_option("--frames", options.frames, "4n+1; 1 makes a picture")->check(whole_number());
  app.add_option("--fps", options.fps, "frames a second")->check(whole_number());
  app.add_option("--steps", options.steps, "denoising steps")->check(whole_number());
  app.add_option("--guidance-scale", options.guidance_scale, "how strictly the prompt is followed")
      ->check(number());
  app.add_option("--shift", options.shift, "where the steps lie: larger is more at high noise")
      ->check(number());
  app.add_option("--sampler", options.sampler, "unipc, dpm++, euler, diffusers-unipc or diffusers-euler");
  app.add_option("--seed", options.seed, "0 to 4294967295")->check(long_whole_number());
  app.add_option(
      "-o,--output", options.output,
      ".mp4, .webm, .gif, .png for one frame, or a folder/ for one PNG a frame (default: the manifest's "
      "output path, else video.mp4, else image.png for one frame)");
  app.add_option("--output-dir", options.output_dir, "folder that the manifest's output path is below");
  app.add_option("--device", options.device, "auto, cpu or cuda");
  app.add_option("--precision", options.precision,
                 "auto (bf16 where the machine is good at it and the model is large), fp32 or bf16 (default: "
                 "the manifest's, else auto)");
  app.add_option("--threads", options.threads, "CPU threads (default: the cores this process may use)")
      ->check(whole_number());
  app.add_option(
      "--checkpoint", options.checkpoint,
      "folder for checkpoints; the same call after an interruption goes on from the last one, to the same "
      "bytes");
  app.add_option("--checkpoint-every", options.checkpoint_every, "steps between checkpoints")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option(
      "--noise", options.noise,
      "safetensors file with the noise to start from, instead of the seed's (one F32 tensor of the latents' "
      "shape)");
  app.add_flag("--json", options.json, "events as JSON lines on standard output");
  app.footer(kFooter);
}

template <typename Value>
void override_with(const std::optional<Value>& flag, std::optional<Value>& field) {
  if (flag) field = flag;
}

void apply_flags(const Options& options, VideoJob& job) {
  if (options.prompt) job.generation.prompt = *options.prompt;
  override_with(options.negative_prompt, job.generation.negative_prompt);
  override_with(options.size, job.generation.size);
  override_with(options.frames, job.generation.frames);
  override_with(options.fps, job.generation.fps);
  override_with(options.steps, job.generation.steps);
  override_with(options.guidance_scale, job.generation.guidance_scale);
  override_with(options.shift, job.generation.shift);
  override_with(options.sampler, job.generation.sampler);
  override_with(options.seed, job.generation.seed);
  if (options.precision) job.precision = *options.precision;
  if (options.model.empty()) return;
  job.model = options.model;
  job.model_digest.clear();
}

Result<VideoJob> job_of(const Options& options) {
  VideoJob job;
  if (!options.manifest.empty()) {
    WAN_TRY(job, read_videojob(options.manifest));
  }
  apply_flags(options, job);
  if (job.model.empty()) job.model = kBuiltInModel;
  if (job.precision.empty()) job.precision = "auto";
  return job;
}

Result<fs::path> output_of(const Options& options, const VideoJob& job, int frames) {
  if (!options.output.empty()) return fs::path(options.output);
  const std::string unnamed = frames == 1 ? "image.png" : "video.mp4";
  const fs::path file = fs::path(options.output_dir) / (job.output_path.empty() ? unnamed : job.output_path);
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return fail(from_errno(error.value(), file.parent_path().string()));
  return file;
}

// Before anything is read or loaded. The image may come from the flag alone: a manifest's is in the cluster.
Status check_image(const Options& options, const VideoJob& job,
                   const pipeline::GenerationDefaults& defaults) {
  const bool wanted = defaults.task == "image-to-video";
  if (wanted && options.image.empty()) {
    const std::string why = job.has_image ? "only a cluster can read the manifest's spec.image" : "missing";
    return fail(invalid_argument("--image: " + why + "; model " + job.model +
                                 " makes videos from an image (task image-to-video); give the first frame, a "
                                 "PNG, JPEG or WebP file"));
  }
  if (!wanted && (job.has_image || !options.image.empty())) {
    return fail(invalid_argument("--image: model " + job.model + " makes videos from text alone (task " +
                                 defaults.task + "); leave --image out"));
  }
  return {};
}

Status check_digest(const VideoJob& job, const pipeline::ModelInfo& info) {
  if (job.model_digest.empty() || job.model_digest == info.digest) return {};
  return fail(failed_precondition("spec.model.digest: the manifest asks for " + job.model_digest + ", " +
                                  info.directory.string() + " is " + info.digest));
}

std::atomic<bool> g_stop = false;

// The first signal asks the generation to end, a second one ends the program.
void install_signal_handlers() {
  struct sigaction action{};
  action.sa_handler = [](int) { g_stop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Json timings_json(const pipeline::Timings& timings) {
  return {{"load", timings.load},
          {"textEncode", timings.text_encode},
          {"denoise", timings.denoise},
          {"decode", timings.decode},
          {"encode", timings.encode}};
}

void report_result(const pipeline::GenerationResult& result, bool json) {
  if (json) {
    Json fields = to_json(result);
    fields["file"] = result.file.string();
    print_event({{"type", "RESULT"}, {"result", fields}, {"timings", timings_json(result.timings)}});
    return;
  }
  const auto& t = result.timings;
  std::cout << fmt::format(
      "{}  {}x{}, {} frames at {} fps, seed {}, {} bytes\n{}\n"
      "load {:.2f} s, text {:.2f} s, denoise {:.2f} s, decode {:.2f} s, write {:.2f} s\n",
      result.file.string(), result.width, result.height, result.frames, result.fps, result.seed, result.bytes,
      result.sha256, t.load, t.text_encode, t.denoise, t.decode, t.encode);
}

int exit_code(ErrorCode code) {
  if (code == ErrorCode::kInvalidArgument || code == ErrorCode::kNotFound) return kExitUsage;
  return code == ErrorCode::kCancelled ? kExitCancelled : kExitFailed;
}

int report_error(const Error& error, bool json) {
  if (json) {
    print_event(
        {{"type", "ERROR"}, {"error", {{"code", to_string(error.code)}, {"message", error.message}}}});
  } else {
    std::cerr << "wan-runtime generate: " << error.message << "\n";
  }
  return exit_code(error.code);
}

Result<pipeline::GenerationResult> generate(const Options& options, ProgressDisplay& display) {
  WAN_TRY(VideoJob job, job_of(options));
  WAN_TRY(const fs::path directory, find_model_directory(job.model));
  install_signal_handlers();  // a pull before is ended by the first signal, and goes on in the next call
  WAN_TRY(const auto defaults, pipeline::read_generation_defaults(directory));
  WAN_TRY_VOID(check_image(options, job, defaults));
  if (!options.image.empty()) {
    WAN_TRY(job.generation.image, pipeline::read_input_image(options.image, {}));
  }
  WAN_TRY(auto resolved, pipeline::resolve(job.generation, defaults, job.namespace_, job.name));
  WAN_TRY(const fs::path output, output_of(options, job, resolved.frames));
  WAN_TRY_VOID(pipeline::check_output(output, resolved.frames));
  const pipeline::ProgressSink show = [&](const Progress& progress) { display.show(progress); };
  const pipeline::NoticeSink notice = [&](const std::string& text) { display.note(text); };
  const pipeline::GeneratorSettings settings = {.device = options.device,
                                                .threads = options.threads,
                                                .precision = job.precision,
                                                .media_program = {},
                                                .single_use = true,
                                                .checkpoints = {options.checkpoint, options.checkpoint_every},
                                                .noise = options.noise,
                                                .notice = notice,
                                                .stop = &g_stop};
  WAN_TRY(const auto need, pipeline::memory_need(directory, resolved, settings));
  notice(memory_text(need));
  WAN_TRY_VOID(check_memory(need));
  WAN_TRY(const auto generator, pipeline::load_generator(directory, settings, show));
  WAN_TRY_VOID(check_digest(job, generator->info()));
  resolved.precision = generator->info().precision;
  if (options.json) {
    const auto& info = generator->info();
    WAN_TRY(const std::string numerics_id, generator->numerics_id_of(output));
    print_event({{"type", "RESOLVED"},
                 {"model", {{"name", info.name}, {"digest", info.digest}}},
                 {"numericsId", numerics_id},
                 {"resolved", to_json(resolved)}});
  }
  return generator->generate(resolved, output, show, g_stop);
}

}  // namespace

int run_generate(int argc, char** argv) {
  Options options;
  CLI::App app("Make a video from a VideoJob manifest and/or flags, without a cluster.", argv[0]);
  add_options(app, options);
  if (const auto ended = parse_flags(app, argc, argv)) return *ended;
  using Style = ProgressDisplay::Style;
  const Style plain = ::isatty(STDERR_FILENO) ? Style::kTerminal : Style::kLines;
  ProgressDisplay display(options.json ? Style::kJson : plain);
  const auto result = generate(options, display);
  display.clear();
  if (!result) return report_error(result.error(), options.json);
  report_result(*result, options.json);
  return kExitOk;
}

}  // namespace wan::cli
