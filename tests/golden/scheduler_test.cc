#include <ATen/ops/mul.h>
#include <ATen/ops/sin.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>

#include "runtime/scheduler/flow_unipc.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

class UniPcGolden : public testing::Test {
 protected:
  // Calls with steps, shift and the prefix of the golden names, for the whole grid.
  template <typename Function>
  void for_each_case(Function&& function) {
    const Json manifest = read_json_file(data("schedulers/manifest.json"));
    for (const int steps : manifest["grid"]["N"]) {
      for (const double shift : manifest["grid"]["shift"]) {
        const std::string name =
            "unipc.N" + std::to_string(steps) + ".shift" + std::to_string(static_cast<int>(shift));
        function(steps, shift, name);
      }
    }
  }

  c10::InferenceMode inference_;
  Tensors golden_ = read_tensors(data("schedulers/official.safetensors"));
};

TEST_F(UniPcGolden, SigmasAndTimestepsAreExact) {
  for_each_case([&](int steps, double shift, const std::string& name) {
    const auto schedule = scheduler::flow_unipc_schedule(steps, shift);
    const at::Tensor sigmas = golden_.at(name + ".sigmas"), timesteps = golden_.at(name + ".timesteps");
    ASSERT_EQ(static_cast<int64_t>(schedule.sigmas.size()), sigmas.size(0));
    EXPECT_TRUE(std::ranges::equal(schedule.sigmas, std::span(sigmas.const_data_ptr<float>(), steps + 1)))
        << name;
    EXPECT_TRUE(std::ranges::equal(schedule.timesteps, std::span(timesteps.const_data_ptr<int64_t>(), steps)))
        << name;
  });
}

TEST_F(UniPcGolden, EverySampleEqualsTheOfficialOne) {
  double worst = 0;
  for_each_case([&](int steps, double shift, const std::string& name) {
    scheduler::FlowUniPCMultistepScheduler scheduler(scheduler::flow_unipc_schedule(steps, shift));
    at::Tensor sample = golden_.at("x0")[0];
    for (int i = 0; i < steps; ++i) {
      const double scale = static_cast<double>(scheduler.timesteps()[i]) / 1000;
      sample = scheduler.step(at::mul(at::sin(at::mul(sample, 3)), scale), sample);
      const double error = relative_l2(sample, golden_.at(name + ".samples")[i]);
      worst = std::max(worst, error);
      EXPECT_LE(error, 1e-6) << name << " step " << i;
    }
  });
  report("UniPC, worst sample", worst);
}

}  // namespace
}  // namespace wan::golden
