#include <ATen/ops/equal.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sin.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/scheduler/sampler.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

struct SamplerCase {
  std::string sampler;
  std::string file;
  std::string prefix;  // of the golden names: PREFIX.N50.shift5.samples
};

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kDouble);
  return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

// The model that the goldens were made with.
at::Tensor velocity(const at::Tensor& sample, double timestep) {
  return at::mul(at::sin(at::mul(sample, 3)), timestep / 1000);
}

class SamplerGolden : public testing::TestWithParam<SamplerCase> {
 protected:
  // Calls with a new sampler and the golden name, for every case the file has of this sampler.
  template <typename Function>
  void for_each_case(Function&& function) {
    int cases = 0;
    for (const int steps : {1, 2, 4, 14, 15, 20, 50}) {
      for (const int shift : {1, 3, 5, 8, 12, 16}) {
        const std::string name =
            GetParam().prefix + ".N" + std::to_string(steps) + ".shift" + std::to_string(shift);
        if (!golden_.contains(name + ".samples")) continue;
        ++cases;
        function(scheduler::make_sampler(GetParam().sampler, steps, shift).value(), name);
      }
    }
    EXPECT_EQ(cases, GetParam().file == "official.safetensors" ? 42 : 3);
  }

  c10::InferenceMode inference_;
  Tensors golden_ = read_tensors(data("schedulers/" + GetParam().file));
};

TEST_P(SamplerGolden, SigmasAndTimestepsAreExact) {
  for_each_case([&](const scheduler::Sampler& sampler, const std::string& name) {
    const auto sigmas = numbers(golden_.at(name + ".sigmas"));
    EXPECT_TRUE(std::ranges::equal(sampler.schedule().sigmas, sigmas)) << name;
    EXPECT_EQ(sampler.schedule().timesteps, numbers(golden_.at(name + ".timesteps"))) << name;
  });
}

TEST_P(SamplerGolden, EverySampleEqualsTheReference) {
  double worst = 0;
  for_each_case([&](scheduler::Sampler sampler, const std::string& name) {
    at::Tensor sample = golden_.at("x0")[0];
    while (!sampler.done()) {
      sample = sampler.step(velocity(sample, sampler.timestep()), sample);
      const int step = sampler.steps_done() - 1;
      const double error = relative_l2(sample, golden_.at(name + ".samples")[step]);
      worst = std::max(worst, error);
      EXPECT_LE(error, 1e-6) << name << " step " << step;
    }
  });
  report(GetParam().sampler + ", worst sample", worst);
}

TEST_P(SamplerGolden, AStateTakenAtAnyStepEndsInTheSameBits) {
  constexpr int kSteps = 6;
  const at::Tensor noise = golden_.at("x0")[0];
  auto whole = scheduler::make_sampler(GetParam().sampler, kSteps, 5).value();
  std::vector<at::Tensor> samples = {noise};
  std::vector<scheduler::SamplerState> states = {whole.state()};
  while (!whole.done()) {
    samples.push_back(whole.step(velocity(samples.back(), whole.timestep()), samples.back()));
    states.push_back(whole.state());
  }
  for (int start = 0; start <= kSteps; ++start) {
    auto resumed = scheduler::make_sampler(GetParam().sampler, kSteps, 5).value();
    ASSERT_TRUE(resumed.restore(states[start]).has_value());
    at::Tensor sample = samples[start];
    while (!resumed.done()) sample = resumed.step(velocity(sample, resumed.timestep()), sample);
    EXPECT_TRUE(at::equal(sample, samples.back())) << "from step " << start;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SamplerGolden,
    testing::Values(SamplerCase{"unipc", "official.safetensors", "unipc"},
                    SamplerCase{"dpm++", "official.safetensors", "dpm++"},
                    SamplerCase{"euler", "diffusers.safetensors", "euler_on_dpm_sigmas"},
                    SamplerCase{"diffusers-unipc", "diffusers.safetensors", "dfs_unipc"},
                    SamplerCase{"diffusers-euler", "diffusers.safetensors", "dfs_euler"}),
    [](const auto& test) { return test.param.prefix == "dpm++" ? "dpmpp" : test.param.prefix; });

TEST(Samplers, AnUnknownNameIsAnErrorThatListsTheAllowedOnes) {
  const auto sampler = scheduler::make_sampler("heun", 4, 5);
  ASSERT_FALSE(sampler.has_value());
  EXPECT_EQ(sampler.error().message,
            "sampler: 'heun' is not allowed; allowed: unipc, dpm++, euler, diffusers-unipc, diffusers-euler");
}

TEST(Samplers, AStateThatLacksAPartOrIsBeyondTheEndIsRefused) {
  auto sampler = scheduler::make_sampler("unipc", 4, 5).value();
  EXPECT_EQ(sampler.restore({.steps_done = 1}).error().message, "sampler state: x0 is missing");
  EXPECT_EQ(sampler.restore({.steps_done = 5}).error().message, "sampler state: 5 steps are done of 4");
  EXPECT_EQ(sampler.steps_done(), 0);
}

}  // namespace
}  // namespace wan::golden
