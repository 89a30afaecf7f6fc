#include "builders.h"
#include "operator/reconcile/video_job/queue.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;

std::vector<std::string> order(const std::vector<api::VideoJob>& jobs, size_t limit = 100) {
  std::vector<const api::VideoJob*> pointers;
  for (const api::VideoJob& job : jobs) pointers.push_back(&job);
  std::vector<std::string> names;
  for (const api::VideoJob* job : queue_order(pointers, limit)) names.push_back(job->metadata.name);
  return names;
}

api::VideoJob in(const std::string& namespace_, const std::string& name, int created) {
  api::VideoJob job = make_video_job(name, created);
  job.metadata.namespace_ = namespace_;
  return job;
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Queue, PutsTheOldestFirst) {
  EXPECT_THAT(order({make_video_job("c", -1), make_video_job("a", -3), make_video_job("b", -2)}),
              ElementsAre("a", "b", "c"));
}

TEST(Queue, SettlesTheSameSecondByName) {
  EXPECT_THAT(order({make_video_job("b", -1), make_video_job("a", -1)}), ElementsAre("a", "b"));
}

TEST(Queue, PutsPriorityBeforeAge) {
  api::VideoJob urgent = make_video_job("urgent", -1);
  urgent.spec.priority = 10;
  EXPECT_THAT(order({make_video_job("old", -100), urgent}), ElementsAre("urgent", "old"));
}

TEST(Queue, TakesTurnsBetweenNamespaces) {
  EXPECT_THAT(order({in("one", "a1", -9), in("one", "a2", -8), in("one", "a3", -7), in("two", "b1", -2),
                     in("two", "b2", -1)}),
              ElementsAre("a1", "b1", "a2", "b2", "a3"));
}

TEST(Queue, CountsRunningJobsForTheFairShare) {
  api::VideoJob running = in("one", "running", -50);
  running.status.assignment = api::Assignment{.pod_name = "pod-a", .pod_uid = "pod-a-uid", .attempt = 1};
  EXPECT_THAT(order({running, in("one", "a", -9), in("two", "b", -1)}), ElementsAre("b", "a"));
}

TEST(Queue, LeavesOutWhoIsCancelledOrWaitsForSomethingElse) {
  api::VideoJob cancelled = make_video_job("cancelled", -9);
  cancelled.spec.cancel = true;
  api::VideoJob held = make_video_job("held", -9);
  mark_reconciling(held.status.conditions, {api::reason::kWaitingForArtifactServer, ""}, 1, kNow);
  api::VideoJob ended = make_video_job("ended", -9);
  ended.status.phase = "Failed";
  EXPECT_THAT(order({cancelled, held, ended, make_video_job("free", -1)}), ElementsAre("free"));
}

TEST(Queue, ReturnsNoMoreThanAskedFor) {
  EXPECT_THAT(order({make_video_job("a", -3), make_video_job("b", -2)}, 1), ElementsAre("a"));
}

std::vector<std::string> free_names(const std::vector<api::Pod>& pods,
                                    const std::vector<api::RuntimeView>& views,
                                    const std::vector<const api::VideoJob*>& jobs = {}) {
  std::vector<std::string> names;
  for (const api::Pod* pod : free_pods(pods, views, jobs)) names.push_back(pod->metadata.name);
  return names;
}

TEST(FreePods, AreReadyAndReachable) {
  api::Pod loading = ready_pod("pod-b");
  loading.ready = false;
  api::Pod ending = ready_pod("pod-c");
  ending.metadata.deleted = kNow;
  api::RuntimeView lost = ready_view("pod-d");
  lost.reachable = false;
  api::RuntimeView draining = ready_view("pod-e");
  draining.phase = "Draining";
  EXPECT_THAT(free_names({ready_pod("pod-a"), loading, ending, ready_pod("pod-d"), ready_pod("pod-e"),
                          ready_pod("unknown")},
                         {ready_view("pod-a"), ready_view("pod-b"), ready_view("pod-c"), lost, draining}),
              ElementsAre("pod-a"));
}

TEST(FreePods, WorkOnNothing) {
  api::RuntimeView busy = ready_view("pod-a");
  busy.jobs = {job_state(make_video_job("x"), "Running")};
  EXPECT_THAT(free_names({ready_pod("pod-a")}, {busy}), IsEmpty());
  busy.jobs = {job_state(make_video_job("x"), "Succeeded")};
  EXPECT_THAT(free_names({ready_pod("pod-a")}, {busy}), ElementsAre("pod-a"));
}

TEST(FreePods, AreNotAssignedToAJobThatTheyHaveNotHeardOfYet) {
  api::VideoJob other = make_video_job("other");
  other.status.assignment = api::Assignment{.pod_name = "pod-a", .pod_uid = "pod-a-uid", .attempt = 1};
  EXPECT_THAT(free_names({ready_pod("pod-a")}, {ready_view("pod-a")}, {&other}), IsEmpty());
  other.status.phase = "Succeeded";
  EXPECT_THAT(free_names({ready_pod("pod-a")}, {ready_view("pod-a")}, {&other}), ElementsAre("pod-a"));
}

}  // namespace
}  // namespace wan::reconcile::video_job
