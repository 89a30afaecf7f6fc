#include "runtime/jobs/job_state.h"

#include <cmath>

#include "base/crypto/sha256.h"

namespace wan::jobs {
namespace {

Json progress_json(const JobState& state) {
  Json json = {{"phase", state.progress->phase}, {"percent", std::round(state.progress->percent * 10) / 10}};
  if (state.steps > 0) {
    json["step"] = state.step;
    json["steps"] = state.steps;
  }
  if (state.progress->seconds_left >= 0) json["secondsLeft"] = std::ceil(state.progress->seconds_left);
  return json;
}

}  // namespace

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::kQueued: return "Queued";
    case Phase::kRunning: return "Running";
    case Phase::kSucceeded: return "Succeeded";
    case Phase::kFailed: return "Failed";
    case Phase::kCancelled: return "Cancelled";
  }
  return "Failed";
}

bool is_finished(Phase phase) {
  return phase == Phase::kSucceeded || phase == Phase::kFailed || phase == Phase::kCancelled;
}

Json to_json(const JobState& state) {
  Json json = {{"uid", state.uid},     {"namespace", state.namespace_},
               {"name", state.name},   {"attempt", state.attempt},
               {"epoch", state.epoch}, {"phase", to_string(state.phase)}};
  if (state.resolved.steps > 0) json["resolved"] = pipeline::to_json(state.resolved);
  if (!state.job_hash.empty()) json["jobHash"] = state.job_hash;
  if (state.progress) json["progress"] = progress_json(state);
  if (!state.result.is_null()) json["result"] = state.result;
  if (!state.timings.empty()) json["timings"] = state.timings;
  if (state.error) {
    json["error"] = {{"reason", state.error->reason},
                     {"message", state.error->message},
                     {"retryable", state.error->retryable}};
  }
  return json;
}

std::string to_termination_message(const JobState& state, size_t max_bytes) {
  Json json = to_json(state);
  if (to_text(json).size() > max_bytes && json.contains("resolved")) {
    json["resolved"].erase("prompt");
    json["resolved"].erase("negativePrompt");
  }
  if (to_text(json).size() > max_bytes) {
    for (const char* part : {"resolved", "timings", "progress"}) json.erase(part);
  }
  if (to_text(json).size() > max_bytes && state.error)
    json["error"]["message"] = state.error->message.substr(0, 512);
  return to_text(json);
}

Result<std::string> job_hash(const pipeline::ResolvedGeneration& generation,
                             const std::string& model_digest) {
  Json content = pipeline::to_json(generation);
  content["modelDigest"] = model_digest;
  content["encoding"] = {{"codec", "h264"}, {"crf", 10}, {"pixelFormat", "yuv420p"}, {"container", "mp4"}};
  WAN_TRY(const std::string text, canonical_json(content));
  return sha256_digest(text);
}

}  // namespace wan::jobs
