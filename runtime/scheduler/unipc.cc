#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/scheduler/solvers.h"

namespace wan::scheduler {
namespace {

constexpr int kSolverOrder = 2;

// The coefficients of one interval from sigma_from to sigma_to.
struct Coefficients {
  float ratio;    // sigma_to / sigma_from
  float alpha;    // 1 - sigma_to
  float h;        // lambda difference
  float h_phi_1;  // expm1(-h); also the B(h) of bh2
};

Coefficients coefficients(float sigma_from, float sigma_to) {
  const float h = lambda(sigma_to) - lambda(sigma_from);
  return {sigma_to / sigma_from, 1.0F - sigma_to, h, std::expm1(-h)};
}

// Of the prediction made at `index` of so many steps.
int order_at(int index, int steps) { return std::min({kSolverOrder, steps - index, index + 1}); }

// Weights of the two differences in a second order correction: the 2x2 system R rho = b.
std::array<float, 2> corrector_weights(float rk, const Coefficients& step) {
  const float hh = -step.h;
  const float phi_2 = step.h_phi_1 / hh - 1.0F;
  const float phi_3 = phi_2 / hh - 0.5F;
  const float b0 = phi_2 / step.h_phi_1, b1 = phi_3 * 2.0F / step.h_phi_1;
  // Rows (1, 1) and (rk, 1).
  const float first = (b0 - b1) / (1.0F - rk);
  return {first, b0 - first};
}

// UniP: from `sample` at the current sigma to the next one.
at::Tensor predict(const Interval& at, const at::Tensor& sample, const History& history, int order) {
  const float sigma = at.sigmas[at.index];
  const Coefficients step = coefficients(sigma, at.sigmas[at.index + 1]);
  const at::Tensor first =
      at::sub(at::mul(sample, step.ratio), at::mul(history.x0, step.alpha * step.h_phi_1));
  if (order < 2) return first;
  const float rk = (lambda(at.sigmas[at.index - 1]) - lambda(sigma)) / step.h;
  const at::Tensor difference = at::sub(history.previous_x0, history.x0).div_(rk).mul_(0.5);
  return at::sub(first, difference.mul_(step.alpha * step.h_phi_1));
}

// UniC: the current sample again, now that the model has seen it and `x0` is known there.
at::Tensor correct(const Interval& at, const at::Tensor& x0, const History& history, int order) {
  const float sigma_from = at.sigmas[at.index - 1];
  const Coefficients step = coefficients(sigma_from, at.sigmas[at.index]);
  const at::Tensor first =
      at::sub(at::mul(history.last_sample, step.ratio), at::mul(history.x0, step.alpha * step.h_phi_1));
  const at::Tensor change = at::sub(x0, history.x0);
  if (order < 2) return at::sub(first, at::mul(change, 0.5).mul_(step.alpha * step.h_phi_1));
  const float rk = (lambda(at.sigmas[at.index - 2]) - lambda(sigma_from)) / step.h;
  const auto rho = corrector_weights(rk, step);
  const at::Tensor older = at::sub(history.previous_x0, history.x0).div_(rk).mul_(rho[0]);
  return at::sub(first, at::add(older, at::mul(change, rho[1])).mul_(step.alpha * step.h_phi_1));
}

}  // namespace

float lambda(float sigma) { return std::log(1.0F - sigma) - std::log(sigma); }

at::Tensor unipc_step(const Interval& at, const at::Tensor& velocity, const at::Tensor& sample,
                      History& history) {
  const int steps = static_cast<int>(at.sigmas.size()) - 1;
  const at::Tensor x0 = at::sub(sample, at::mul(velocity, at.sigmas[at.index]));
  const at::Tensor start = at.index > 0 ? correct(at, x0, history, order_at(at.index - 1, steps)) : sample;
  history = {.previous_x0 = history.x0, .x0 = x0, .last_sample = start};
  return predict(at, start, history, order_at(at.index, steps));
}

}  // namespace wan::scheduler
