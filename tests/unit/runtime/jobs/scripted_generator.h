#pragma once
// A TEST DOUBLE of pipeline::Generator: makes no video. It writes a few bytes that depend on prompt and seed,
// and does on the way what the Director was told, so that tests decide when a generation ends and how.

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/crypto/sha256.h"
#include "runtime/pipeline/generator.h"

namespace wan::testing {

// Shared between the test and the inference thread.
class Director {
 public:
  // From now on every generation waits after its first progress report until let_go() or its stop.
  void hold() {
    set([this] { held_ = true; });
  }
  void let_go() {
    set([this] { held_ = false; });
  }
  // Held generations do not react to stop, as a long kernel would not.
  void ignore_stop(bool ignore) {
    set([&] { ignores_stop_ = ignore; });
  }
  void fail_next(Error error) {
    set([&] { failure_ = std::move(error); });
  }
  void report_steps(int steps) {
    set([&] { steps_ = steps; });
  }

  [[nodiscard]] std::vector<std::string> prompts() const {
    const std::lock_guard lock(mutex_);
    return prompts_;
  }

  // The inference thread's side.
  void begin(const std::string& prompt) {
    set([&] { prompts_.push_back(prompt); });
  }
  [[nodiscard]] int steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }
  [[nodiscard]] std::optional<Error> take_failure() {
    const std::lock_guard lock(mutex_);
    return std::exchange(failure_, std::nullopt);
  }
  // false: stopped.
  [[nodiscard]] bool wait_while_held(const std::atomic<bool>& stop) {
    std::unique_lock lock(mutex_);
    while (held_ && (ignores_stop_ || !stop)) wake_.wait_for(lock, std::chrono::milliseconds(1));
    return !stop;
  }

 private:
  template <typename Change>
  void set(Change change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    wake_.notify_all();
  }
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool held_ = false;
  bool ignores_stop_ = false;
  int steps_ = 4;
  std::optional<Error> failure_;
  std::vector<std::string> prompts_;
};

inline pipeline::GenerationDefaults scripted_defaults() {
  pipeline::GenerationDefaults defaults;
  defaults.size = "96x96";
  defaults.frames = 17;
  defaults.steps = 20;
  defaults.guidance_scale = 4;
  defaults.shift = 3;
  return defaults;
}

class ScriptedGenerator final : public pipeline::Generator {
 public:
  explicit ScriptedGenerator(std::shared_ptr<Director> director) : director_(std::move(director)) {
    info_ = {"/models/scripted", "scripted", "sha256:" + std::string(64, 'd'), scripted_defaults(), 1};
  }
  const pipeline::ModelInfo& info() const override { return info_; }
  const std::string& numerics_id() const override { return numerics_id_; }

  // What the double "encodes" for a generation.
  static std::string bytes_of(const pipeline::ResolvedGeneration& generation) {
    return "not really a video: " + generation.prompt + " " + std::to_string(generation.seed) + "\n";
  }

  Result<pipeline::GenerationResult> generate(const pipeline::ResolvedGeneration& generation,
                                              const std::filesystem::path& output,
                                              const pipeline::ProgressSink& progress,
                                              const std::atomic<bool>& stop) override {
    director_->begin(generation.prompt);
    const int steps = director_->steps();
    for (int step = 0; step <= steps; ++step) {
      progress(Progress{.phase = "Denoise",
                        .done = step,
                        .total = steps,
                        .percent = 90.0 * step / steps,
                        .seconds_left = 0.001 * (steps - step),
                        .seconds_per_step = 0.001});
      if (step == 0 && generation.prompt != "a probe" && !director_->wait_while_held(stop)) {
        return fail(cancelled("stopped"));
      }
    }
    if (auto failure = director_->take_failure()) return fail(*std::move(failure));
    const std::string bytes = bytes_of(generation);
    std::ofstream(output, std::ios::binary) << bytes;
    pipeline::GenerationResult result;
    result.file = output;
    result.sha256 = sha256_digest(bytes);
    result.frames_sha256 = sha256_digest("frames " + bytes);
    result.bytes = static_cast<int64_t>(bytes.size());
    result.width = generation.width;
    result.height = generation.height;
    result.frames = generation.frames;
    result.fps = generation.fps;
    result.duration_seconds = static_cast<double>(generation.frames) / generation.fps;
    result.seed = generation.seed;
    result.model_digest = info_.digest;
    result.numerics_id = numerics_id_;
    return result;
  }

 private:
  std::shared_ptr<Director> director_;
  pipeline::ModelInfo info_;
  std::string numerics_id_ = "sha256:" + std::string(64, 'e');
};

}  // namespace wan::testing
