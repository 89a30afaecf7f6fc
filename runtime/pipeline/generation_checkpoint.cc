#include "runtime/pipeline/generation_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/state_dict.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLatents = "latents";
constexpr std::string_view kSamplerPrefix = "sampler.";
constexpr size_t kMaxRecordBytes = 1U << 20;

// The safetensors bytes of float tensors on the CPU.
std::string safetensors_of(const std::map<std::string, at::Tensor>& tensors) {
  std::vector<weights::TensorEntry> entries;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor whole = tensor.to(at::kCPU, at::kFloat).contiguous();
    data.append(static_cast<const char*>(whole.const_data_ptr()), whole.nbytes());
    entries.push_back({name, weights::DType::kF32, whole.sizes().vec()});
  }
  return weights::safetensors_header(entries) + data;
}

fs::path tensors_file(const fs::path& folder, int step) {
  return folder / ("step-" + std::to_string(step) + ".safetensors");
}
fs::path record_file(const fs::path& folder, int step) {
  return folder / ("step-" + std::to_string(step) + ".json");
}

// N of "step-N.*".
std::optional<int> step_of(const fs::path& file) {
  constexpr std::string_view kPrefix = "step-";
  const std::string name = file.stem().string();
  int step = 0;
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return step;
}

std::vector<int> recorded_steps(const fs::path& folder) {
  std::vector<int> steps;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto step = step_of(entry.path());
    if (step && entry.path().extension() == ".json") steps.push_back(*step);
  }
  std::ranges::sort(steps, std::greater<>());
  return steps;
}

Result<Json> read_record(const fs::path& folder, int step) {
  WAN_TRY(const std::string text, read_file(record_file(folder, step), kMaxRecordBytes));
  return parse_json(text);
}

Result<GenerationCheckpoint> read_checkpoint(const fs::path& folder, int step, const Json& inputs) {
  WAN_TRY(const Json record, read_record(folder, step));
  const fs::path file = tensors_file(folder, step);
  WAN_TRY(const std::string digest, sha256_file_digest(file));
  const Json* recorded = find(record, {"inputs"});
  if (string_or(record, {"sha256"}, "") != digest || !recorded || *recorded != inputs) {
    return fail(corrupt(file.string() + ": not what its record says"));
  }
  WAN_TRY(const auto stored, weights::open_safetensors(file));
  GenerationCheckpoint checkpoint;
  checkpoint.sampler.steps_done = step;
  for (const auto& [name, tensor] : stored) {
    const at::Tensor value = weights::to_tensor(tensor).clone();
    if (name == kLatents) checkpoint.latents = value;
    if (name.starts_with(kSamplerPrefix)) {
      checkpoint.sampler.tensors[name.substr(kSamplerPrefix.size())] = value;
    }
  }
  if (!checkpoint.latents.defined()) return fail(corrupt(file.string() + ": has no latents"));
  return checkpoint;
}

std::string difference(const Json& theirs, const Json& ours) {
  for (const auto& [name, value] : ours.items()) {
    const Json* other = find(theirs, {name});
    if (!other || *other != value) {
      return name + " is " + (other ? to_text(*other) : "missing") + " there and " + to_text(value) + " here";
    }
  }
  return "they are of another version";
}

}  // namespace

Result<CheckpointFolder> CheckpointFolder::open(const fs::path& directory, Json inputs) {
  constexpr size_t kKeyLength = 32;
  WAN_TRY(const std::string text, canonical_json(inputs));
  const fs::path folder = directory / sha256_hex(text).substr(0, kKeyLength);
  return CheckpointFolder(directory, folder, std::move(inputs));
}

std::optional<GenerationCheckpoint> CheckpointFolder::newest() const {
  for (const int step : recorded_steps(folder_)) {
    auto checkpoint = read_checkpoint(folder_, step, inputs_);
    if (checkpoint) return *std::move(checkpoint);
  }
  return std::nullopt;
}

std::string CheckpointFolder::others() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory_, ignored)) {
    if (entry.path() == folder_) continue;
    const auto steps = recorded_steps(entry.path());
    if (steps.empty()) continue;
    const auto record = read_record(entry.path(), steps.front());
    const Json* inputs = record ? find(*record, {"inputs"}) : nullptr;
    if (inputs) return difference(*inputs, inputs_);
  }
  return "";
}

Status CheckpointFolder::save(const GenerationCheckpoint& checkpoint) const {
  const int step = checkpoint.sampler.steps_done;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(from_errno(error.value(), "checkpoint: " + folder_.string()));
  std::map<std::string, at::Tensor> tensors = {{std::string(kLatents), checkpoint.latents}};
  for (const auto& [name, tensor] : checkpoint.sampler.tensors) {
    tensors[std::string(kSamplerPrefix) + name] = tensor;
  }
  const std::string bytes = safetensors_of(tensors);
  const Json record = {{"inputs", inputs_}, {"step", step}, {"sha256", sha256_digest(bytes)}};
  // The record last: without one a file of tensors is nothing.
  auto written = write_file_atomically(tensors_file(folder_, step), bytes);
  if (written) written = write_file_atomically(record_file(folder_, step), record.dump(2) + "\n");
  if (!written) return fail(written.error().with_context("checkpoint"));
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    std::error_code ignored;
    if (step_of(entry.path()) != step) fs::remove(entry.path(), ignored);
  }
  return {};
}

void CheckpointKeeper::after_step(const scheduler::Sampler& sampler, const at::Tensor& latents) {
  if (!folder_) return;
  last_ = {latents, sampler.state()};
  // After the last step always: decoding takes a while too.
  if (sampler.steps_done() % every_ == 0 || sampler.done()) save();
}

int CheckpointKeeper::save_last() {
  if (folder_ && last_.sampler.steps_done > saved_) save();
  return saved_;
}

void CheckpointKeeper::save() {
  auto saved = folder_->save(last_);
  if (saved) saved_ = last_.sampler.steps_done;
  if (!saved && status_) status_ = std::move(saved);
}

void CheckpointFolder::remove() const {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace wan::pipeline
