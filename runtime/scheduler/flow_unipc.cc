#include "runtime/scheduler/flow_unipc.h"

#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <algorithm>
#include <array>
#include <cmath>

namespace wan::scheduler {
namespace {

constexpr int kSolverOrder = 2;
constexpr double kTrainTimesteps = 1000;

// The logarithm of the signal-to-noise ratio; infinite at sigma 0.
float lambda(float sigma) { return std::log(1.0F - sigma) - std::log(sigma); }

// The coefficients of one interval from sigma_from to sigma_to.
struct Interval {
  float ratio;    // sigma_to / sigma_from
  float alpha;    // 1 - sigma_to
  float h;        // lambda difference
  float h_phi_1;  // expm1(-h); also the B(h) of bh2
};

Interval interval(float sigma_from, float sigma_to) {
  const float h = lambda(sigma_to) - lambda(sigma_from);
  return {sigma_to / sigma_from, 1.0F - sigma_to, h, std::expm1(-h)};
}

// Weights of the two differences in a second order correction: the 2x2 system R rho = b.
std::array<float, 2> corrector_weights(float rk, const Interval& step) {
  const float hh = -step.h;
  const float phi_2 = step.h_phi_1 / hh - 1.0F;
  const float phi_3 = phi_2 / hh - 0.5F;
  const float b0 = phi_2 / step.h_phi_1, b1 = phi_3 * 2.0F / step.h_phi_1;
  // Rows (1, 1) and (rk, 1).
  const float first = (b0 - b1) / (1.0F - rk);
  return {first, b0 - first};
}

}  // namespace

FlowSchedule flow_unipc_schedule(int steps, double shift) {
  const auto sigma_max = static_cast<double>(0.999F);
  const double step = (0.0 - sigma_max) / steps;
  FlowSchedule schedule;
  for (int i = 0; i < steps; ++i) {
    const double linear = i * step + sigma_max;
    const double sigma = shift * linear / (1 + (shift - 1) * linear);
    schedule.sigmas.push_back(static_cast<float>(sigma));
    schedule.timesteps.push_back(static_cast<int64_t>(sigma * kTrainTimesteps));
  }
  schedule.sigmas.push_back(0);
  return schedule;
}

FlowUniPCMultistepScheduler::FlowUniPCMultistepScheduler(FlowSchedule schedule)
    : schedule_(std::move(schedule)) {}

// UniP: from `sample` at the current sigma to the next one.
at::Tensor FlowUniPCMultistepScheduler::predict(const at::Tensor& sample, int order) const {
  const float sigma = schedule_.sigmas[index_];
  const Interval step = interval(sigma, schedule_.sigmas[index_ + 1]);
  const at::Tensor first = at::sub(at::mul(sample, step.ratio), at::mul(x0_, step.alpha * step.h_phi_1));
  if (order < 2) return first;
  const float rk = (lambda(schedule_.sigmas[index_ - 1]) - lambda(sigma)) / step.h;
  const at::Tensor difference = at::sub(previous_x0_, x0_).div_(rk).mul_(0.5);
  return at::sub(first, difference.mul_(step.alpha * step.h_phi_1));
}

// UniC: the current sample again, now that the model has seen it.
at::Tensor FlowUniPCMultistepScheduler::correct(const at::Tensor& x0, int order) const {
  const float sigma_from = schedule_.sigmas[index_ - 1];
  const Interval step = interval(sigma_from, schedule_.sigmas[index_]);
  const at::Tensor first =
      at::sub(at::mul(last_sample_, step.ratio), at::mul(x0_, step.alpha * step.h_phi_1));
  const at::Tensor change = at::sub(x0, x0_);
  if (order < 2) return at::sub(first, at::mul(change, 0.5).mul_(step.alpha * step.h_phi_1));
  const float rk = (lambda(schedule_.sigmas[index_ - 2]) - lambda(sigma_from)) / step.h;
  const auto rho = corrector_weights(rk, step);
  const at::Tensor older = at::sub(previous_x0_, x0_).div_(rk).mul_(rho[0]);
  return at::sub(first, at::add(older, at::mul(change, rho[1])).mul_(step.alpha * step.h_phi_1));
}

at::Tensor FlowUniPCMultistepScheduler::step(const at::Tensor& velocity, const at::Tensor& sample) {
  const at::Tensor x0 = at::sub(sample, at::mul(velocity, schedule_.sigmas[index_]));
  const at::Tensor start = index_ > 0 ? correct(x0, order_) : sample;
  previous_x0_ = x0_;
  x0_ = x0;
  const int remaining = static_cast<int>(schedule_.timesteps.size() - index_);
  order_ = std::min({kSolverOrder, remaining, static_cast<int>(index_) + 1});
  last_sample_ = start;
  const at::Tensor next = predict(start, order_);
  ++index_;
  return next;
}

}  // namespace wan::scheduler
