#pragma once
// A loaded model that turns a resolved generation into a file. The seam between torch and the rest of the
// runtime. A Generator belongs to one thread (the inference thread); `stop` may be set from any thread.

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "runtime/pipeline/generation.h"

namespace wan::pipeline {

struct ModelInfo {
  std::filesystem::path directory;
  std::string name;    // directory name or the store's name
  std::string digest;  // "sha256:...": manifest digest of the store if pulled, else over the files' digests
  GenerationDefaults defaults;
  int64_t parameters = 0;
  std::string precision = "fp32";  // what the loaded weights are multiplied in: fp32 or bf16
};

// Said once, while a generation starts or ends: "resumed at step 7", why a checkpoint is not used.
using NoticeSink = std::function<void(const std::string&)>;

struct CheckpointSettings {
  std::filesystem::path directory;  // empty: none are written or used
  int every = 1;                    // steps
};

struct GeneratorSettings {
  std::string device = "auto";          // auto, cpu, cuda
  int threads = 0;                      // 0: the cores this process may use (affinity and cgroup quota)
  std::string precision = "auto";       // auto (what the machine class is good at), fp32, bf16
  std::filesystem::path media_program;  // wan-media; empty: beside this program, then $PATH
  // One generation only: each part of the model is freed as soon as it has no more use for it.
  bool single_use = false;
  CheckpointSettings checkpoints;
  std::filesystem::path noise;  // safetensors file with the noise to start from; empty: drawn from the seed
  NoticeSink notice;
  const std::atomic<bool>* stop = nullptr;  // ends the loading soon after it becomes true
};

// Called on the inference thread, at most a few times a second; must be quick.
using ProgressSink = std::function<void(const Progress&)>;

struct Timings {  // seconds
  double load = 0, text_encode = 0, denoise = 0, decode = 0, encode = 0;
};

struct GenerationResult {
  std::filesystem::path file;
  std::string sha256;         // "sha256:..." of the file; of a folder's files one after the other
  std::string frames_sha256;  // of the raw RGB24 frames in order
  int64_t bytes = 0;
  int width = 0, height = 0, frames = 0, fps = 0;
  double duration_seconds = 0;
  std::string codec = "h264";  // or vp9, gif, png
  int64_t seed = 0;
  std::string model_digest;
  std::string numerics_id;
  Timings timings;
};

class Generator {
 public:
  virtual ~Generator() = default;
  [[nodiscard]] virtual const ModelInfo& info() const = 0;
  // "sha256:..." of the numerics plan of an mp4.
  [[nodiscard]] virtual const std::string& numerics_id() const = 0;
  // Of what generate() would write there: the ending chooses the encoder.
  [[nodiscard]] virtual Result<std::string> numerics_id_of(const std::filesystem::path&) const {
    return numerics_id();
  }
  // Writes `output` atomically. kCancelled soon after `stop` becomes true (between kernels).
  [[nodiscard]] virtual Result<GenerationResult> generate(const ResolvedGeneration& generation,
                                                          const std::filesystem::path& output,
                                                          const ProgressSink& progress,
                                                          const std::atomic<bool>& stop) = 0;
};

// Loads a directory in the diffusers or the official layout. Errors name the file and key. kCancelled soon
// after `settings.stop` becomes true.
[[nodiscard]] Result<std::unique_ptr<Generator>> load_generator(const std::filesystem::path& model_dir,
                                                                const GeneratorSettings& settings,
                                                                const ProgressSink& progress);

// A PNG, JPEG or WebP, decoded by `media_program` (as in GeneratorSettings). Errors name the field `image`,
// the file (where it is one) and what is allowed; those that are the picture's fault are kInvalidArgument.
[[nodiscard]] Result<std::shared_ptr<const InputImage>> decode_input_image(
    std::string_view bytes, const std::filesystem::path& media_program);
[[nodiscard]] Result<std::shared_ptr<const InputImage>> read_input_image(
    const std::filesystem::path& file, const std::filesystem::path& media_program);

// Whether `output` can be written: kInvalidArgument that names the field `output` for an ending that is no
// format (.mp4, .webm, .gif, .png for one frame, a folder/ of PNGs) or a folder that is missing or read-only.
// To be asked before a model is loaded; generate() asks it too.
[[nodiscard]] Status check_output(const std::filesystem::path& output, int frames);

// The smallest generation that exercises every part (the probe before Ready): few frames, one step.
[[nodiscard]] ResolvedGeneration probe_generation(const ModelInfo& info);

[[nodiscard]] Json to_json(const GenerationResult& result);

}  // namespace wan::pipeline
