#pragma once
// One step of each solver, from sigmas[index] to sigmas[index + 1], by the model's velocity. Scalars are
// float, as in the official code: near sigma 1 its logarithms lose digits, and the same ones are lost here.

#include <ATen/core/Tensor.h>
#include <span>

namespace wan::scheduler {

// What the multistep solvers remember; undefined where nothing has been yet.
struct History {
  at::Tensor previous_x0;  // the clean video as the step before the last saw it
  at::Tensor x0;           // ... the last step
  at::Tensor last_sample;  // where the last prediction started (UniPC)
};

struct Interval {
  std::span<const float> sigmas;
  int index = 0;
};

// The official FlowUniPCMultistepScheduler: order 2, bh2, x0 prediction, corrector on, order 1 at the first
// and the last step.
[[nodiscard]] at::Tensor unipc_step(const Interval& at, const at::Tensor& velocity, const at::Tensor& sample,
                                    History& history);

// The official FlowDPMSolverMultistepScheduler: dpmsolver++, order 2, midpoint, order 1 at the first and the
// last step.
[[nodiscard]] at::Tensor dpm_step(const Interval& at, const at::Tensor& velocity, const at::Tensor& sample,
                                  History& history);

[[nodiscard]] at::Tensor euler_step(const Interval& at, const at::Tensor& velocity, const at::Tensor& sample);

// The logarithm of the signal-to-noise ratio at sigma; infinite at 0 and at 1.
[[nodiscard]] float lambda(float sigma);

}  // namespace wan::scheduler
