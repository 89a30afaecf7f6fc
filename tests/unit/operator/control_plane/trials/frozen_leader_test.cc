#include <algorithm>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/crypto/capability.h"
#include "tests/unit/operator/control_plane/trials/trial.h"

namespace wan {
namespace {

bool is_assignment(const std::string& write, const std::string& body) {
  return write.find("/videojobs/red-ball/status") != std::string::npos &&
         body.find("\"assignment\"") != std::string::npos;
}

// A leader that is frozen between its assignment and its dispatch wakes up after another one has taken over:
// what it then sends must find a closed door.
TEST(FrozenLeaderTest, ItsLateDispatchIsRefusedByThePod) {
  Trial trial;
  trial.kubelet().run_jobs_by_itself(false);
  trial.kubelet().start();
  OperatorFlags slow;  // it looks at its Lease so seldom that it cannot know
  slow.lease_seconds = "600";
  slow.renew_seconds = "500";
  slow.retry_seconds = "400";
  testing::OperatorProcess& frozen = trial.start_behind_proxy(slow);
  trial.make(kube::kWanDeployments, kTinyDeployment);
  ASSERT_TRUE(trial.deployment_runs());
  OperatorFlags waiting = slow;
  waiting.retry_seconds = "0.2";
  testing::OperatorProcess& second = trial.start_direct(waiting);
  ASSERT_TRUE(trial.wait_until([&] { return second.logged("another process leads"); }));

  trial.proxy().stop_at(
      [](size_t, const std::string& write, const std::string& body) { return is_assignment(write, body); },
      testing::FaultProxy::Moment::kBeforeItsAnswerIsRead, [&frozen](int signal) { frozen.signal(signal); },
      false);
  trial.make(kube::kVideoJobs, kTrialServedJob);
  ASSERT_TRUE(trial.wait_until([&] { return trial.proxy().stopped(); }));
  // Stands for the Lease's expiry, which would take as long as its holder thinks it has.
  ASSERT_TRUE(trial.remove(kube::kLeases, "wan-operator"));
  ASSERT_TRUE(trial.wait_until([&] { return second.logged("leading as"); }));
  testing::FakeRuntime& runtime = *trial.kubelet().runtimes().begin()->second;
  ASSERT_TRUE(trial.wait_until([&] { return runtime.puts() == 1; }));
  const std::string uid = string_or(trial.get_or_null(kube::kVideoJobs, "red-ball"), {"metadata", "uid"}, "");
  const std::string epoch = string_or(*runtime.job(uid), {"epoch"}, "");
  const Json accepted = *runtime.job(uid);

  frozen.signal(SIGCONT);
  ASSERT_TRUE(trial.wait_until([&] { return runtime.puts() == 2; })) << "the late dispatch";
  const auto put =
      std::find_if(runtime.requests().rbegin(), runtime.requests().rend(),
                   [](const testing::RuntimeRequest& request) { return request.method == "PUT"; });
  ASSERT_NE(put, runtime.requests().rend());
  EXPECT_TRUE(epoch_less(put->capability.epoch, epoch)) << put->capability.epoch << " is not below " << epoch;
  EXPECT_EQ(*runtime.job(uid), accepted) << "nothing of it was taken";

  Json state = accepted;
  state["phase"] = "Running";
  runtime.set_job(state);
  EXPECT_TRUE(trial.job_is("Running"));
  EXPECT_EQ(int_or(trial.get_or_null(kube::kVideoJobs, "red-ball"), {"status", "attempts"}, 0), 1);
}

}  // namespace
}  // namespace wan
