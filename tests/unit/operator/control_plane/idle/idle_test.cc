#include <cstdlib>
#include <gtest/gtest.h>

#include "tests/unit/operator/control_plane/trials/trial.h"

namespace wan {
namespace {

constexpr int kResources = 1'000;

std::string waiting_job(int number) {
  return R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: waits-)" +
         std::to_string(number) + R"(}
spec: {deploymentRef: {name: nowhere}, prompt: a red ball, seed: 42}
)";
}

bool all_jobs_have_a_reason(Trial& trial) {
  return trial.wait_until([&] {
    for (const Json& job : trial.list(kube::kVideoJobs)) {
      if (find(job, {"status", "conditions"}) == nullptr) return false;
    }
    return true;
  });
}

// The Lease of an installation: nobody waits for a takeover here, and beside other tests a renewal may be
// late by more than the deadline of a short one, at which an operator rightly ends.
OperatorFlags ordinary_lease() {
  OperatorFlags flags;
  flags.lease_seconds = "15";
  flags.renew_seconds = "10";
  flags.retry_seconds = "2";
  return flags;
}

// Renewals of the Lease are the clock: it proves that the operator is alive while it does nothing else.
TEST(IdleTest, AThousandResourcesCauseNoWriteButTheLease) {
  Trial trial;
  trial.kubelet().start();
  testing::OperatorProcess& only = trial.start_behind_proxy(ordinary_lease());
  trial.make(kube::kWanDeployments, kTinyDeployment);
  ASSERT_TRUE(trial.deployment_runs());
  trial.make(kube::kVideoJobs, kTrialServedJob);
  ASSERT_TRUE(trial.job_is("Succeeded"));
  for (int i = 0; i < kResources - 3; ++i) trial.make(kube::kVideoJobs, waiting_job(i));
  ASSERT_TRUE(all_jobs_have_a_reason(trial));

  const auto needed = std::chrono::seconds(std::getenv("WAN_LONG") != nullptr ? 300 : 60);
  const auto renewals = [&] { return trial.proxy().renewals(); };
  // The writes of before may come in late, once.
  auto quiet_since = std::chrono::steady_clock::now();
  const auto limit = quiet_since + needed * 2;
  size_t writes = trial.proxy().all_writes();
  int restarts = 0;
  size_t renewed = renewals();
  while (std::chrono::steady_clock::now() - quiet_since < needed &&
         std::chrono::steady_clock::now() < limit) {
    trial.pass(std::chrono::milliseconds(200));
    if (trial.proxy().all_writes() == writes) continue;
    writes = trial.proxy().all_writes();
    quiet_since = std::chrono::steady_clock::now();
    renewed = renewals();
    ++restarts;
  }
  EXPECT_GE(std::chrono::steady_clock::now() - quiet_since, needed)
      << restarts << " times something was written, the last: " << trial.proxy().last_write();
  EXPECT_GT(renewals(), renewed + 10);
  EXPECT_TRUE(only.running());
}

}  // namespace
}  // namespace wan
