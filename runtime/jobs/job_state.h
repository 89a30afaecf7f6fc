#pragma once
// What a pod says about a job: the JobState of the HTTP API.

#include <optional>
#include <string>
#include <string_view>

#include "base/json/json.h"
#include "base/progress.h"
#include "runtime/pipeline/generation.h"

namespace wan::jobs {

enum class Phase { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

[[nodiscard]] std::string_view to_string(Phase phase);
[[nodiscard]] bool is_finished(Phase phase);

struct JobError {
  std::string reason;  // CamelCase
  std::string message;
  bool retryable = false;  // another attempt, perhaps elsewhere, may succeed
};

struct JobState {
  std::string uid;
  std::string namespace_;
  std::string name;
  int attempt = 0;
  std::string epoch;
  Phase phase = Phase::kQueued;
  std::optional<Progress> progress;  // while running
  int step = 0;                      // of the denoising, kept through the later phases
  int steps = 0;
  pipeline::ResolvedGeneration resolved;
  std::string job_hash;
  Json result;                    // null until the mp4 exists
  Json timings = Json::object();  // seconds by phase
  std::optional<JobError> error;
};

[[nodiscard]] Json to_json(const JobState& state);

// The state in at most `max_bytes` (the kubelet keeps 4096 of a termination message): prompts are left out
// first, then `resolved` and `timings`.
[[nodiscard]] std::string to_termination_message(const JobState& state, size_t max_bytes);

// SHA-256 of the canonical JSON of everything that decides the video (design promise 2). The codec settings
// are part of it: another quality is another artifact.
[[nodiscard]] Result<std::string> job_hash(const pipeline::ResolvedGeneration& generation,
                                           const std::string& model_digest);

}  // namespace wan::jobs
