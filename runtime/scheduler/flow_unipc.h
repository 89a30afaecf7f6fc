#pragma once
// The official FlowUniPCMultistepScheduler for flow matching: order 2, bh2, x0 prediction, corrector on,
// order 1 at the first and the last step. Steps go by index, never by timestep: those repeat for many steps.

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

namespace wan::scheduler {

struct FlowSchedule {
  std::vector<float> sigmas;       // steps + 1, falling; the last is 0
  std::vector<int64_t> timesteps;  // steps; sigma * 1000 cut to a whole number: what the model is told
};

// REQUIRES steps >= 1, shift > 0.
[[nodiscard]] FlowSchedule flow_unipc_schedule(int steps, double shift);

class FlowUniPCMultistepScheduler {
 public:
  explicit FlowUniPCMultistepScheduler(FlowSchedule schedule);

  [[nodiscard]] const std::vector<int64_t>& timesteps() const { return schedule_.timesteps; }
  [[nodiscard]] const std::vector<float>& sigmas() const { return schedule_.sigmas; }

  // The sample of the next noise level. REQUIRES as many calls at most as there are timesteps. Scalars are
  // float, as in the official code: near sigma 1 its logarithms lose digits, and the same ones are lost here.
  [[nodiscard]] at::Tensor step(const at::Tensor& velocity, const at::Tensor& sample);

 private:
  [[nodiscard]] at::Tensor predict(const at::Tensor& sample, int order) const;
  [[nodiscard]] at::Tensor correct(const at::Tensor& x0, int order) const;

  FlowSchedule schedule_;
  size_t index_ = 0;
  int order_ = 0;           // of the last prediction
  at::Tensor previous_x0_;  // of step index - 2
  at::Tensor x0_;           // of step index - 1
  at::Tensor last_sample_;  // where the last prediction started
};

}  // namespace wan::scheduler
