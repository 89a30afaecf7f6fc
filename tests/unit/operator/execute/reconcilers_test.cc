#include "operator/execute/reconcilers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/capability.h"
#include "operator/api/identifiers.h"
#include "operator/reconcile/objects/artifact_target.h"
#include "operator/reconcile/objects/names.h"
#include "tests/support/fake_api.h"
#include "tests/support/fake_runtime.h"
#include "tests/support/run_task.h"

namespace wan::execute {
namespace {

const std::string kSeed(32, 's');

// The reconcilers of one operator, with one deployment, one ready pod with a runtime, and an artifact server.
// Writes come into the caches only when the test says so.
class ReconcilersTest : public ::testing::Test {
 protected:
  ReconcilersTest() {
    issuer_.set_epoch("77");
    EXPECT_TRUE(runtime_.start());
    dispatch::DispatcherSettings settings;
    settings.port = runtime_.port();
    runtimes_ = std::make_unique<dispatch::Dispatcher>(
        context_.get_executor(), issuer_, settings,
        [this](const dispatch::PodRef& pod, const dispatch::Change& change) {
          reconcilers_->runtime_changed(pod, change);
        });
    steps_ = std::make_unique<Executor>(api_, caches_, *runtimes_, issuer_, events_, gate_, clock_);
    reconcilers_ = std::make_unique<Reconcilers>(context_.get_executor(), api_, clock_, caches_, *runtimes_,
                                                 *steps_, gate_, reconcile::Settings());
    put_cluster();
    tasks_.spawn("reconcilers", reconcilers_->run());
    EXPECT_TRUE(runs_until([&] {
      const api::RuntimeView* view = runtimes_->view("pod-1");
      return view != nullptr && view->accepts_jobs();
    }));
  }
  ~ReconcilersTest() override {
    reconcilers_->stop();
    reconcilers_->cancel();
    testing::run_task(context_, tasks_.join());
    testing::run_task(context_, runtimes_->stop());
    testing::run_task(context_, runtime_.stop());
  }

  const Json& put(const kube::Resource& resource, cache::StoreBase& store, const std::string& name,
                  const std::string& yaml) {
    Json object = parse_yaml(yaml).value();
    object["metadata"]["namespace"] = "ns";
    object["metadata"]["name"] = name;
    const Json& stored = api_.put(resource, std::move(object));
    store.writer("").handle(cache::Applied{stored});
    return stored;
  }
  void put_cluster() {
    const std::string uid =
        string_or(put(kube::kWanDeployments, caches_.wan_deployments, "tiny",
                      "spec: {model: {name: wan-tiny}, artifacts: {pvc: {claimName: videos}}}"),
                  {"metadata", "uid"}, "");
    const std::string server = reconcile::artifact_server_name("videos");
    put(kube::kServices, caches_.services, server, "spec: {clusterIP: 10.0.0.7}");
    put(kube::kDeployments, caches_.deployments, server, "status: {readyReplicas: 1}");
    Json pod = parse_yaml(
                   "{spec: {}, status: {phase: Running, podIP: 127.0.0.1, conditions: [{type: Ready, status: "
                   "'True'}], containerStatuses: [{name: runtime, ready: true, state: {running: {}}}]}}")
                   .value();
    pod["metadata"] = {{"namespace", "ns"}, {"name", "pod-1"}, {"uid", "pod-1"}, {"resourceVersion", "9"}};
    pod["metadata"]["labels"][api::kLabelDeployment] = "tiny";
    pod["metadata"]["labels"][api::kLabelOwnerUid] = uid;
    caches_.pods.writer("").handle(cache::Applied{pod});
  }
  void put_job(const std::string& name, int priority = 0) {
    put(kube::kVideoJobs, caches_.video_jobs, name,
        "spec: {deploymentRef: {name: tiny}, prompt: p, priority: " + std::to_string(priority) + "}");
  }
  std::string told(const std::string& name, std::initializer_list<std::string_view> path) const {
    const Json* job = api_.stored(kube::kVideoJobs, "ns/" + name);
    return job == nullptr ? "" : string_or(*job, path, "");
  }
  std::string pod_of(const std::string& name) const { return told(name, {"status", "assignment", "podUID"}); }
  bool runs_until(const std::function<bool()>& condition) { return testing::run_until(context_, condition); }

  asio::io_context context_;
  testing::FakeApi api_;
  SystemClock clock_;
  Caches caches_;
  dispatch::CapabilityIssuer issuer_{kSeed, clock_};
  testing::FakeRuntime runtime_{context_.get_executor(), "127.0.0.1", 0, "pod-1",
                                ed25519_public_key_base64(kSeed).value()};
  controller::EventRecorder events_{context_.get_executor(), api_, clock_, "test"};
  WriteGate gate_{clock_};
  std::unique_ptr<dispatch::Dispatcher> runtimes_;
  std::unique_ptr<Executor> steps_;
  std::unique_ptr<Reconcilers> reconcilers_;
  TaskGroup tasks_{context_.get_executor()};
};

TEST_F(ReconcilersTest, GiveNoPodToTwoJobsThoughAnAssignmentHasNotComeBackYet) {
  // The pod knows nothing of the first job either: only the operator's memory of its own write keeps them
  // apart.
  runtime_.refuse_next_put(503, "QueueFull", "try later");
  put_job("first");
  ASSERT_TRUE(runs_until([&] { return pod_of("first") == "pod-1" && runtime_.puts() == 1; }));
  put_job("urgent", 100);
  ASSERT_TRUE(runs_until([&] { return told("urgent", {"status", "phase"}) == "Queued"; }));
  EXPECT_EQ(pod_of("urgent"), "");
  EXPECT_EQ(runtime_.puts(), 1U);
  // The first job's end frees the pod.
  Json ended = *api_.stored(kube::kVideoJobs, "ns/first");
  ended["status"]["phase"] = "Failed";
  caches_.video_jobs.writer("").handle(cache::Applied{api_.put(kube::kVideoJobs, ended)});
  caches_.video_jobs.writer("").handle(cache::Applied{*api_.stored(kube::kVideoJobs, "ns/urgent")});
  EXPECT_TRUE(runs_until([&] { return pod_of("urgent") == "pod-1"; }));
}

TEST_F(ReconcilersTest, PlanOnlyTheJobsWhoseTurnMayHaveCome) {
  runtime_.refuse_next_put(503, "QueueFull", "try later");
  put_job("first");
  ASSERT_TRUE(runs_until([&] { return pod_of("first") == "pod-1"; }));
  for (int i = 0; i < 50; ++i) put_job("job-" + std::to_string(i));
  const auto all_queued = [&] {
    for (int i = 0; i < 50; ++i) {
      if (told("job-" + std::to_string(i), {"status", "phase"}) != "Queued") return false;
    }
    return true;
  };
  ASSERT_TRUE(runs_until(all_queued));
  for (int i = 0; i < 50; ++i) {
    caches_.video_jobs.writer("").handle(
        cache::Applied{*api_.stored(kube::kVideoJobs, "ns/job-" + std::to_string(i))});
  }
  const auto succeeded = [&] { return reconcilers_->video_job_counters().succeeded; };
  do {
    context_.restart();
  } while (context_.poll() > 0);
  const uint64_t before = succeeded();
  Json first = *api_.stored(kube::kVideoJobs, "ns/first");
  caches_.video_jobs.writer("").handle(cache::Applied{api_.put(kube::kVideoJobs, first)});
  first["status"]["phase"] = "Failed";
  caches_.video_jobs.writer("").handle(cache::Applied{api_.put(kube::kVideoJobs, first)});
  ASSERT_TRUE(runs_until([&] { return pod_of("job-0") == "pod-1"; }));
  EXPECT_LT(succeeded() - before, 20U) << "50 wait, one has its turn";
}

// Of a job that has ended the cache keeps a part.
TEST_F(ReconcilersTest, AcknowledgeAChangeOfAnEndedJobWithItsWholeStatus) {
  put(kube::kVideoJobs, caches_.video_jobs, "done",
      "metadata: {generation: 3}\n"
      "spec: {deploymentRef: {name: tiny}, prompt: p, priority: 7}\n"
      "status: {observedGeneration: 2, phase: Succeeded, attempts: 1, result: {url: u, sha256: s, bytes: "
      "5},\n"
      "         conditions: [{type: Ready, status: 'True', reason: Completed, message: m, "
      "observedGeneration: 2,\n"
      "                       lastTransitionTime: '2026-01-01T00:00:00Z'}]}");
  ASSERT_TRUE(runs_until([&] {
    return int_or(*api_.stored(kube::kVideoJobs, "ns/done"), {"status", "observedGeneration"}, 0) == 3;
  }));
  const Json& status = (*api_.stored(kube::kVideoJobs, "ns/done"))["status"];
  EXPECT_EQ(string_or(status, {"result", "sha256"}, ""), "s");
  EXPECT_EQ(int_or(status, {"result", "bytes"}, 0), 5);
  EXPECT_EQ(int_or(status, {"attempts"}, 0), 1);
  EXPECT_EQ(string_or(status["conditions"][0], {"message"}, ""), "m");
  const api::VideoJob* cached = caches_.video_jobs.find(cache::Key{"ns", "done"});
  ASSERT_NE(cached, nullptr);
  EXPECT_EQ(cached->spec.prompt, "") << "nobody looks at it";
}

}  // namespace
}  // namespace wan::execute
