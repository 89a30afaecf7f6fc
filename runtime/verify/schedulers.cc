#include <ATen/ops/mul.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <array>
#include <charconv>
#include <string_view>

#include "runtime/scheduler/sampler.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kLimit = 1e-6;
constexpr std::string_view kSamples = ".samples";

// What the goldens call a sampler, and what we do.
struct Name {
  std::string_view golden, ours;
};
constexpr std::array kNames = {Name{"unipc", "unipc"}, Name{"dpm++", "dpm++"},
                               Name{"euler_on_dpm_sigmas", "euler"}, Name{"dfs_unipc", "diffusers-unipc"},
                               Name{"dfs_euler", "diffusers-euler"}};

double number_after(std::string_view name, std::string_view mark) {
  double number = 0;
  const size_t at = name.find(mark);
  if (at == name.npos) throw GoldenError("schedulers: " + std::string(name) + " has no " + std::string(mark));
  std::from_chars(name.data() + at + mark.size(), name.data() + name.size(), number);
  return number;
}

std::string_view sampler_of(std::string_view name) {
  for (const Name& one : kNames) {
    if (name.starts_with(std::string(one.golden) + ".N")) return one.ours;
  }
  throw GoldenError("schedulers: no sampler of ours is " + std::string(name));
}

// The model that the goldens were made with.
at::Tensor velocity(const at::Tensor& sample, double timestep) {
  return at::mul(at::sin(at::mul(sample, 3)), timestep / 1000);
}

// "unipc.N4.shift5"
void append_run(Rows& rows, const Tensors& data, const std::string& name) {
  const int steps = static_cast<int>(number_after(name, ".N"));
  auto sampler = must(scheduler::make_sampler(sampler_of(name), steps, number_after(name, ".shift")));
  const auto& schedule = sampler.schedule();
  rows.push_back(exact(name + ".sigmas", at::tensor(schedule.sigmas), data.at(name + ".sigmas")));
  rows.push_back(exact(name + ".timesteps", at::tensor(schedule.timesteps), data.at(name + ".timesteps")));
  const at::Tensor& samples = data.at(name + std::string(kSamples));
  at::Tensor sample = data.at("x0")[0];
  std::vector<at::Tensor> ours;
  while (!sampler.done()) {
    sample = sampler.step(velocity(sample, sampler.timestep()), sample);
    ours.push_back(sample);
  }
  rows.push_back(within_relative(name + std::string(kSamples), at::stack(ours), samples, kLimit));
}

}  // namespace

Rows verify_schedulers(const Golden& golden) {
  Rows rows;
  for (const char* file : {"official.safetensors", "diffusers.safetensors"}) {
    if (!golden.has(file)) continue;
    const Tensors data = golden.tensors(file);
    for (const auto& [name, _] : data) {
      if (name.ends_with(kSamples)) append_run(rows, data, name.substr(0, name.size() - kSamples.size()));
    }
  }
  return rows;
}

}  // namespace wan::verify
