#pragma once
// From noise to a video by the model's velocities, one step at a time. A value: a copy goes on by itself, and
// `state` taken after any step continues to the same bits in another process.

#include <ATen/core/Tensor.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/scheduler/schedule.h"
#include "runtime/scheduler/solvers.h"

namespace wan::scheduler {

struct SamplerState {
  int steps_done = 0;
  std::map<std::string, at::Tensor> tensors;  // what the solver remembers, by name; all of the sample's shape
};

class Sampler {
 public:
  // `kind` is one of sampler_kinds(). REQUIRES steps >= 1, shift > 0.
  Sampler(const SamplerKind& kind, int steps, double shift);

  [[nodiscard]] int steps() const { return static_cast<int>(schedule_.timesteps.size()); }
  [[nodiscard]] int steps_done() const { return index_; }
  [[nodiscard]] bool done() const { return index_ == steps(); }
  [[nodiscard]] const Schedule& schedule() const { return schedule_; }
  // What the model is told in the next step. REQUIRES !done().
  [[nodiscard]] double timestep() const { return schedule_.timesteps[index_]; }

  // The sample at the next noise level. REQUIRES !done().
  [[nodiscard]] at::Tensor step(const at::Tensor& velocity, const at::Tensor& sample);

  [[nodiscard]] SamplerState state() const;
  // Takes up where a sampler of the same kind, steps and shift was. kInvalidArgument when the state can't be
  // of such a one.
  [[nodiscard]] Status restore(const SamplerState& state);

 private:
  Solver solver_;
  Schedule schedule_;
  int index_ = 0;
  History history_;
};

// By `spec.sampler`; the error lists the names.
[[nodiscard]] Result<Sampler> make_sampler(std::string_view name, int steps, double shift);

}  // namespace wan::scheduler
