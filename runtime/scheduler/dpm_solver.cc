#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <cmath>
#include <utility>

#include "runtime/scheduler/solvers.h"

namespace wan::scheduler {

at::Tensor dpm_step(const Interval& at, const at::Tensor& velocity, const at::Tensor& sample,
                    History& history) {
  const float from = at.sigmas[at.index], to = at.sigmas[at.index + 1];
  const float h = lambda(to) - lambda(from);
  const float weight = (1.0F - to) * (std::exp(-h) - 1.0F);
  const at::Tensor x0 = at::sub(sample, at::mul(velocity, from));
  const at::Tensor previous_x0 = std::exchange(history.x0, x0);
  const at::Tensor first = at::sub(at::mul(sample, to / from), at::mul(x0, weight));
  const bool last = at.index + 2 == static_cast<int>(at.sigmas.size());
  if (at.index == 0 || last) return first;
  // At the second step the previous sigma is 1: its lambda is -inf, r0 is inf, and the difference drops out.
  const float r0 = (lambda(from) - lambda(at.sigmas[at.index - 1])) / h;
  const at::Tensor difference = at::sub(x0, previous_x0).mul_(1.0F / r0);
  return at::sub(first, difference.mul_(0.5F * weight));
}

}  // namespace wan::scheduler
