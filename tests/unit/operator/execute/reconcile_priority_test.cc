#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/execute/reconcilers.h"
#include "tests/support/fake_api.h"
#include "tests/support/run_task.h"

namespace wan::execute {
namespace {

const std::string kSeed(32, 's');

Json job(const std::string& name, int generation, const std::string& version) {
  Json made = Json::object();
  made["apiVersion"] = "wan.gallery/v1alpha1";
  made["kind"] = "VideoJob";
  Json& metadata = made["metadata"];
  metadata["namespace"] = "ns";
  metadata["name"] = name;
  metadata["uid"] = "uid-" + name;
  metadata["generation"] = generation;
  metadata["resourceVersion"] = version;
  metadata["creationTimestamp"] = "2026-01-31T00:00:00Z";
  made["spec"]["deploymentRef"]["name"] = "missing";
  made["spec"]["prompt"] = "a red ball";
  return made;
}

class ReconcilePriorityTest : public ::testing::Test {
 protected:
  ReconcilePriorityTest() { issuer_.set_epoch("77"); }
  ~ReconcilePriorityTest() override {
    reconcilers_.cancel();
    testing::run_task(context_, tasks_.join());
    testing::run_task(context_, runtimes_.stop());
  }
  static void fill(cache::StoreBase& store, const std::vector<Json>& objects = {}) {
    cache::Sink& sink = store.writer("");
    sink.handle(cache::InitBegan());
    for (const Json& object : objects) sink.handle(cache::InitItem{object});
    sink.handle(cache::InitDone{"100000"});
  }
  void fill_the_others() {
    fill(caches_.models);
    fill(caches_.wan_deployments);
    fill(caches_.pods);
    fill(caches_.deployments);
    fill(caches_.services);
    fill(caches_.revisions);
    fill(caches_.accounts);
    fill(caches_.policies);
    fill(caches_.budgets);
    fill(caches_.jobs);
  }

  asio::io_context context_;
  testing::FakeApi api_;
  SystemClock clock_;
  Caches caches_;
  dispatch::CapabilityIssuer issuer_{kSeed, clock_};
  dispatch::Dispatcher runtimes_{context_.get_executor(), issuer_, dispatch::DispatcherSettings(),
                                 [](const dispatch::PodRef&, const dispatch::Change&) {}};
  controller::EventRecorder events_{context_.get_executor(), api_, clock_, "test"};
  WriteGate gate_{clock_};
  Executor executor_{api_, caches_, runtimes_, issuer_, events_, gate_, clock_};
  Reconcilers reconcilers_{context_.get_executor(), api_, clock_, caches_, runtimes_, executor_, gate_,
                           reconcile::Settings()};
  TaskGroup tasks_{context_.get_executor()};
};

TEST_F(ReconcilePriorityTest, LooksAtAUsersEditBeforeTheThousandsOfTheStart) {
  std::vector<Json> jobs;
  for (int i = 0; i < 10'000; ++i) {
    jobs.push_back(job("job-" + std::to_string(10'000 + i), 1, std::to_string(i + 1)));
    api_.put(kube::kVideoJobs, jobs.back());
  }
  fill(caches_.video_jobs, jobs);
  fill_the_others();
  ASSERT_TRUE(caches_.synced()) << "a kind has no list in this test";
  caches_.video_jobs.writer("").handle(cache::Applied{job("job-19999", 2, "100001")});
  tasks_.spawn("reconcilers", reconcilers_.run());
  ASSERT_TRUE(testing::run_until(context_, [&] { return api_.writes().size() >= 1; }));
  EXPECT_EQ(api_.writes()[0].name, "ns/job-19999");
}

}  // namespace
}  // namespace wan::execute
