#pragma once
// The samplers by name (`spec.sampler`) and the noise levels each goes through. Flow matching: at noise level
// sigma the sample is (1 - sigma) * video + sigma * noise, and a shift s moves the levels towards 1 by
// sigma' = s * sigma / (1 + (s - 1) * sigma).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wan::scheduler {

struct Schedule {
  std::vector<float> sigmas;      // steps + 1, falling; the last is 0
  std::vector<double> timesteps;  // steps; what the model is told. They may repeat: go by index
};

enum class Solver { kUniPC, kDPMSolverPlusPlus, kEuler };

struct SamplerKind {
  std::string_view name;
  std::string_view summary;
  Solver solver;
  Schedule (*schedule)(int steps, double shift);
};

inline constexpr std::string_view kDefaultSampler = "unipc";

// The default first.
[[nodiscard]] std::span<const SamplerKind> sampler_kinds();
// "unipc, dpm++, ..."
[[nodiscard]] std::string sampler_names();
// kInvalidArgument names the allowed ones.
[[nodiscard]] Result<const SamplerKind*> find_sampler(std::string_view name);

// REQUIRES steps >= 1, shift > 0 in all of these.
// Official fm_solvers_unipc.py: from float 0.999; timesteps cut to whole numbers.
[[nodiscard]] Schedule unipc_schedule(int steps, double shift);
// Official fm_solvers.py (get_sampling_sigmas): from 1; timesteps cut to whole numbers.
[[nodiscard]] Schedule dpm_schedule(int steps, double shift);
// diffusers' UniPCMultistepScheduler with use_flow_sigmas.
[[nodiscard]] Schedule diffusers_unipc_schedule(int steps, double shift);
// diffusers' FlowMatchEulerDiscreteScheduler: the smallest level is shifted twice, timesteps are not cut.
[[nodiscard]] Schedule diffusers_euler_schedule(int steps, double shift);

}  // namespace wan::scheduler
