// The operator is killed at a write, and another one must come to the end that a clean run comes to. Which
// writes there are is learnt in a clean run; which of them and which moment are tried is drawn from WAN_SEED
// (printed), or all of them with WAN_LONG=1.

#include <cstdlib>
#include <gtest/gtest.h>
#include <random>
#include <signal.h>

#include "tests/unit/operator/control_plane/trials/trial.h"

namespace wan {
namespace {

using Moment = testing::FaultProxy::Moment;

struct Workload {
  const char* name;
  void (*prepare)(Trial&);  // before the writes that count
  void (*act)(Trial&);
  bool (*ended)(Trial&);
};

void nothing(Trial&) {}
void deploy(Trial& trial) { trial.make(kube::kWanDeployments, kTinyDeployment); }
void serve(Trial& trial) {
  deploy(trial);
  ASSERT_TRUE(trial.deployment_runs());
}
bool runs(Trial& trial) { return trial.deployment_runs(); }
bool has_succeeded(Trial& trial) { return trial.job_is("Succeeded"); }

void give_a_job(Trial& trial) { trial.make(kube::kVideoJobs, kTrialServedJob); }
void give_a_one_shot_job(Trial& trial) { trial.make(kube::kVideoJobs, kTrialOneShotJob); }

void change_spec(Trial& trial) {
  ASSERT_TRUE(trial.patch(kube::kWanDeployments, "tiny", "spec: {placement: {nodeSelector: {disk: fast}}}"));
}
bool rolled_out(Trial& trial) {
  return trial.deployment_runs() && trial.wait_until([&] {
    for (const Json& pod : trial.list(kube::kPods)) {
      const bool serves = string_or(pod, {"metadata", "labels", "wan.gallery/deployment"}, "") == "tiny";
      if (serves && string_or(pod, {"spec", "nodeSelector", "disk"}, "") != "fast") return false;
    }
    return true;
  });
}

bool has_replicas(Trial& trial, int64_t wanted) {
  return trial.deployment_runs() && trial.wait_for(kube::kWanDeployments, "tiny", [wanted](const Json& d) {
    return int_or(d, {"status", "readyReplicas"}, -1) == wanted &&
           int_or(d, {"status", "replicas"}, -1) == wanted;
  });
}
void scale_to(Trial& trial, int replicas) {
  ASSERT_TRUE(
      trial.patch(kube::kWanDeployments, "tiny", "spec: {replicas: " + std::to_string(replicas) + "}"));
}
void scale_up(Trial& trial) { scale_to(trial, 2); }
bool scaled_up(Trial& trial) { return has_replicas(trial, 2); }
void serve_twice(Trial& trial) {
  serve(trial);
  scale_up(trial);
  ASSERT_TRUE(scaled_up(trial));
}
void scale_down(Trial& trial) { scale_to(trial, 1); }
bool scaled_down(Trial& trial) { return has_replicas(trial, 1); }

void serve_a_job(Trial& trial) {
  serve(trial);
  give_a_job(trial);
  ASSERT_TRUE(trial.job_is("Succeeded"));
}
// With what the crash may leave half done: a job is given as its deployment goes.
void remove_all(Trial& trial) {
  ASSERT_TRUE(trial.remove(kube::kWanDeployments, "tiny"));
  ASSERT_TRUE(trial.remove(kube::kVideoJobs, "red-ball"));
  trial.make(kube::kVideoJobs, kTrialServedJob);
}
bool all_gone(Trial& trial) {
  return trial.wait_until([&] {
    return trial.list(kube::kDeployments).empty() && trial.list(kube::kPods).empty() &&
           trial.list(kube::kServices).empty() && trial.list(kube::kControllerRevisions).empty();
  }) && trial.wait_for(kube::kVideoJobs, "red-ball", [](const Json& job) {
    const Json* conditions = find(job, {"status", "conditions"});
    return conditions != nullptr && conditions->dump().find("DeploymentNotFound") != std::string::npos;
  });
}

void run_a_job(Trial& trial) {
  trial.kubelet().run_jobs_by_itself(false);
  serve(trial);
  give_a_job(trial);
  ASSERT_TRUE(trial.wait_until([&] {
    for (const auto& [pod, runtime] : trial.kubelet().runtimes()) {
      if (runtime->puts() > 0) return true;
    }
    return false;
  }));
  const std::string uid = string_or(trial.get_or_null(kube::kVideoJobs, "red-ball"), {"metadata", "uid"}, "");
  for (const auto& [pod, runtime] : trial.kubelet().runtimes()) {
    const Json* known = runtime->job(uid);
    if (known == nullptr) continue;
    Json state = *known;
    state["phase"] = "Running";
    runtime->set_job(state);
  }
  ASSERT_TRUE(trial.job_is("Running"));
}
void cancel(Trial& trial) { ASSERT_TRUE(trial.patch(kube::kVideoJobs, "red-ball", "spec: {cancel: true}")); }
bool is_cancelled(Trial& trial) { return trial.job_is("Cancelled"); }

constexpr Workload kWorkloads[] = {
    {"a WanDeployment is created", nothing, deploy, runs},
    {"a VideoJob is served", serve, give_a_job, has_succeeded},
    {"a VideoJob has a pod of its own", nothing, give_a_one_shot_job, has_succeeded},
    {"a spec changes", serve, change_spec, rolled_out},
    {"a job is cancelled", run_a_job, cancel, is_cancelled},
    {"a deployment gets a second replica", serve, scale_up, scaled_up},
    {"a deployment gives one of two replicas back", serve_twice, scale_down, scaled_down},
    {"a deployment and its job are deleted", serve_a_job, remove_all, all_gone},
};

struct Clean {
  EndState end;
  size_t pods = 0;
  std::vector<std::string> writes;
};

// The end is reached when nothing changes any more: two looks in a row are the same.
EndState settled(Trial& trial) {
  EndState last;
  EXPECT_TRUE(trial.wait_until([&] {
    EndState now = trial.end_state();
    const bool same = now == last && !now.empty();
    last = std::move(now);
    return same;
  }));
  return last;
}

Clean learn(const Workload& workload) {
  Trial trial;
  trial.kubelet().start();
  trial.start_behind_proxy();
  workload.prepare(trial);
  trial.proxy().forget();
  workload.act(trial);
  EXPECT_TRUE(workload.ended(trial));
  Clean clean;
  clean.end = settled(trial);
  clean.pods = trial.pods_ever();
  clean.writes = trial.proxy().writes();
  return clean;
}

// Whether the chosen write came up at all: how often progress is written differs from run to run.
bool try_crash(const Workload& workload, const Clean& clean, size_t write, Moment moment) {
  Trial trial;
  trial.kubelet().start();
  testing::OperatorProcess& first = trial.start_behind_proxy();
  workload.prepare(trial);
  trial.proxy().stop_at(
      [write](size_t number, const std::string&, const std::string&) { return number == write; }, moment,
      [&first](int signal) { first.signal(signal); });
  workload.act(trial);
  const bool reached = trial.wait_until([&] {
    return trial.proxy().stopped() ||
           (trial.proxy().writes().size() < write && trial.end_state() == clean.end);
  });
  EXPECT_TRUE(reached);
  if (!trial.proxy().stopped()) return false;
  EXPECT_EQ(first.wait(10), -SIGKILL);
  trial.start_behind_proxy();
  EXPECT_TRUE(workload.ended(trial));
  EndState end;
  EXPECT_TRUE(trial.wait_until([&] { return (end = trial.end_state()) == clean.end; }))
      << ::testing::PrintToString(end) << "\nclean: " << ::testing::PrintToString(clean.end);
  EXPECT_EQ(trial.pods_ever(), clean.pods);
  EXPECT_TRUE(trial.foreign_is_untouched());
  return true;
}

uint64_t seed() {
  const char* text = std::getenv("WAN_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
}

class CrashTest : public ::testing::TestWithParam<int> {};

TEST_P(CrashTest, EndsAsIfNothingHadHappened) {
  const Workload& workload = kWorkloads[GetParam()];
  const bool all = std::getenv("WAN_LONG") != nullptr;
  const uint64_t drawn = seed();
  const Clean clean = learn(workload);
  ASSERT_FALSE(clean.writes.empty());
  std::printf("%s: %zu writes; WAN_SEED=%llu\n", workload.name, clean.writes.size(),
              static_cast<unsigned long long>(drawn));
  std::vector<std::pair<size_t, int>> trials;
  for (size_t write = 1; write <= clean.writes.size(); ++write) {
    for (int moment = 0; moment < 3; ++moment) trials.emplace_back(write, moment);
  }
  std::mt19937_64 engine(drawn);
  std::shuffle(trials.begin(), trials.end(), engine);
  size_t crashed = 0;
  for (const auto& [write, moment] : trials) {
    SCOPED_TRACE(std::string(workload.name) + ": write " + std::to_string(write) + " (" +
                 clean.writes[write - 1] + "), moment " + std::to_string(moment) +
                 ", WAN_SEED=" + std::to_string(drawn));
    if (try_crash(workload, clean, write, static_cast<Moment>(moment))) ++crashed;
    if ((crashed > 0 && !all) || HasFailure()) break;
  }
  EXPECT_GT(crashed, 0U);
  if (all) std::printf("%s: %zu of %zu crashes came up\n", workload.name, crashed, trials.size());
}

INSTANTIATE_TEST_SUITE_P(Workloads, CrashTest, ::testing::Range(0, static_cast<int>(std::size(kWorkloads))));

}  // namespace
}  // namespace wan
