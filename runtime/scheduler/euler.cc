#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>

#include "runtime/scheduler/solvers.h"

namespace wan::scheduler {

at::Tensor euler_step(const Interval& at, const at::Tensor& velocity, const at::Tensor& sample) {
  return at::add(sample, at::mul(velocity, at.sigmas[at.index + 1] - at.sigmas[at.index]));
}

}  // namespace wan::scheduler
