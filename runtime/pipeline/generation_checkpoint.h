#pragma once
// Where a generation is between two steps, on disk: DIR/KEY/step-N.safetensors (latents and sampler state)
// and step-N.json, which names the inputs and the other file's digest and is written last. Without it, or
// when the digests differ, the step was never finished and is passed over. KEY is a digest of everything that
// decides the bytes of the result: no other generation finds these files.

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <optional>
#include <string>

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/scheduler/sampler.h"

namespace wan::pipeline {

struct GenerationCheckpoint {
  at::Tensor latents;
  scheduler::SamplerState sampler;
};

class CheckpointFolder {
 public:
  // `inputs`: a flat object of all that decides the result. Creates no files.
  [[nodiscard]] static Result<CheckpointFolder> open(const std::filesystem::path& directory, Json inputs);

  // The newest whole checkpoint of these inputs, if there is one.
  [[nodiscard]] std::optional<GenerationCheckpoint> newest() const;
  // Why checkpoints in the directory are not used ("steps is 20 there and 30 here"); "" when there are none
  // of other inputs.
  [[nodiscard]] std::string others() const;
  // Replaces the older ones of these inputs.
  [[nodiscard]] Status save(const GenerationCheckpoint& checkpoint) const;
  // The generation is done: nothing of it is needed any more.
  void remove() const;

 private:
  CheckpointFolder(std::filesystem::path directory, std::filesystem::path folder, Json inputs)
      : directory_(std::move(directory)), folder_(std::move(folder)), inputs_(std::move(inputs)) {}

  std::filesystem::path directory_;
  std::filesystem::path folder_;
  Json inputs_;
};

// Saves where a generation is: after every so many steps and after the last one, and after the last whole
// step when it is interrupted.
class CheckpointKeeper {
 public:
  // Without a folder nothing is kept. REQUIRES every >= 1.
  CheckpointKeeper(std::optional<CheckpointFolder> folder, int every)
      : folder_(std::move(folder)), every_(every) {}

  void after_step(const scheduler::Sampler& sampler, const at::Tensor& latents);
  // The last step that was whole, if it is not saved yet; its number, 0 when nothing is kept.
  int save_last();
  // The first error of a save.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void save();

  std::optional<CheckpointFolder> folder_;
  int every_;
  GenerationCheckpoint last_;
  int saved_ = 0;
  Status status_;
};

}  // namespace wan::pipeline
