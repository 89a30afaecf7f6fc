#include "runtime/scheduler/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace wan::scheduler {
namespace {

constexpr int kTrainTimesteps = 1000;

constexpr std::array<SamplerKind, 5> kKinds = {{
    {"unipc", "official UniPC, order 2", Solver::kUniPC, unipc_schedule},
    {"dpm++", "official DPM++ 2M", Solver::kDPMSolverPlusPlus, dpm_schedule},
    {"euler", "Euler on the noise levels of dpm++", Solver::kEuler, dpm_schedule},
    {"diffusers-unipc", "UniPC with diffusers' flow sigmas", Solver::kUniPC, diffusers_unipc_schedule},
    {"diffusers-euler", "diffusers' FlowMatchEulerDiscreteScheduler", Solver::kEuler,
     diffusers_euler_schedule},
}};

double shifted(double sigma, double shift) { return shift * sigma / (1 + (shift - 1) * sigma); }

// The first `count` of `intervals + 1` points from `from` to `to`, as numpy's linspace computes them.
std::vector<double> linspace(double from, double to, int intervals, int count) {
  std::vector<double> points;
  const double step = intervals > 0 ? (to - from) / intervals : 0;
  for (int i = 0; i < count; ++i) points.push_back(i * step + from);
  return points;
}

// Levels in double, timesteps cut to whole numbers before the levels are rounded to float.
Schedule whole_timesteps(const std::vector<double>& sigmas) {
  Schedule schedule;
  for (const double sigma : sigmas) {
    schedule.sigmas.push_back(static_cast<float>(sigma));
    schedule.timesteps.push_back(std::trunc(sigma * kTrainTimesteps));
  }
  schedule.sigmas.push_back(0);
  return schedule;
}

Schedule shifted_levels(double from, double to, int steps, double shift) {
  std::vector<double> sigmas = linspace(from, to, steps, steps);
  for (double& sigma : sigmas) sigma = shifted(sigma, shift);
  return whole_timesteps(sigmas);
}

}  // namespace

std::span<const SamplerKind> sampler_kinds() { return kKinds; }

std::string sampler_names() {
  std::string names;
  for (const SamplerKind& kind : kKinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

Result<const SamplerKind*> find_sampler(std::string_view name) {
  const auto* kind = std::ranges::find(kKinds, name, &SamplerKind::name);
  if (kind != kKinds.end()) return kind;
  return fail(
      invalid_argument("sampler: '" + std::string(name) + "' is not allowed; allowed: " + sampler_names()));
}

Schedule unipc_schedule(int steps, double shift) {
  return shifted_levels(static_cast<double>(0.999F), 0, steps, shift);
}

Schedule dpm_schedule(int steps, double shift) { return shifted_levels(1, 0, steps, shift); }

Schedule diffusers_unipc_schedule(int steps, double shift) {
  constexpr double kBelowOne = 1e-6;  // keeps the first logarithm finite
  std::vector<double> sigmas = linspace(1, 1.0 / kTrainTimesteps, steps, steps);
  for (double& sigma : sigmas) sigma = shifted(sigma, shift);
  if (std::abs(sigmas.front() - 1) < kBelowOne) sigmas.front() -= kBelowOne;
  return whole_timesteps(sigmas);
}

Schedule diffusers_euler_schedule(int steps, double shift) {
  const auto shift_f = static_cast<float>(shift);
  const float lowest = 1.0F / kTrainTimesteps;
  const float smallest = shift_f * lowest / (1.0F + (shift_f - 1.0F) * lowest);
  Schedule schedule;
  for (const double t :
       linspace(kTrainTimesteps, static_cast<double>(smallest) * kTrainTimesteps, steps - 1, steps)) {
    const auto sigma = static_cast<float>(shifted(t / kTrainTimesteps, shift));
    schedule.sigmas.push_back(sigma);
    schedule.timesteps.push_back(static_cast<double>(sigma * static_cast<float>(kTrainTimesteps)));
  }
  schedule.sigmas.push_back(0);
  return schedule;
}

}  // namespace wan::scheduler
