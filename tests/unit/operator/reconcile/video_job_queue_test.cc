#include "builders.h"
#include "operator/reconcile/pods/cause.h"
#include "operator/reconcile/video_job/queue.h"

namespace wan::reconcile::video_job {
namespace {

using namespace wan::reconcile::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Queue queue_of(const std::vector<api::VideoJob>& jobs) {
  Queue queue;
  for (const api::VideoJob& job : jobs) queue.put(job);
  return queue;
}

std::vector<std::string> names(const std::vector<const Ticket*>& tickets) {
  std::vector<std::string> result;
  for (const Ticket* ticket : tickets) result.push_back(ticket->name);
  return result;
}

std::vector<std::string> order(const std::vector<api::VideoJob>& jobs, size_t limit = 100) {
  return names(queue_of(jobs).first(limit));
}

api::VideoJob in(const std::string& namespace_, const std::string& name, int created) {
  api::VideoJob job = make_video_job(name, created);
  job.metadata.namespace_ = namespace_;
  return job;
}

api::VideoJob urgent(const std::string& name, int created, int priority = 10) {
  api::VideoJob job = make_video_job(name, created);
  job.spec.priority = priority;
  return job;
}

api::VideoJob on_pod(api::VideoJob job, const std::string& pod_uid) {
  job.status.assignment = api::Assignment{.pod_uid = pod_uid, .attempt = 1};
  return job;
}

TEST(Queue, PutsTheOldestFirst) {
  EXPECT_THAT(order({make_video_job("c", -1), make_video_job("a", -3), make_video_job("b", -2)}),
              ElementsAre("a", "b", "c"));
}

TEST(Queue, SettlesTheSameSecondByName) {
  EXPECT_THAT(order({make_video_job("b", -1), make_video_job("a", -1)}), ElementsAre("a", "b"));
}

TEST(Queue, PutsPriorityBeforeAge) {
  EXPECT_THAT(order({make_video_job("old", -100), urgent("urgent", -1)}), ElementsAre("urgent", "old"));
}

TEST(Queue, TakesTurnsBetweenNamespaces) {
  EXPECT_THAT(order({in("one", "a1", -9), in("one", "a2", -8), in("one", "a3", -7), in("two", "b1", -2),
                     in("two", "b2", -1)}),
              ElementsAre("a1", "b1", "a2", "b2", "a3"));
}

TEST(Queue, CountsRunningJobsForTheFairShare) {
  EXPECT_THAT(order({on_pod(in("one", "running", -50), "pod"), in("one", "a", -9), in("two", "b", -1)}),
              ElementsAre("b", "a"));
}

TEST(Queue, CountsWhatANamespaceWillHaveBeenGivenAtAHigherPriority) {
  api::VideoJob first = in("one", "first", -1);
  first.spec.priority = 1;
  EXPECT_THAT(order({in("one", "a", -9), in("two", "b", -2), first}), ElementsAre("first", "b", "a"));
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

TEST(Queue, FollowsAJobThroughItsLife) {
  Queue queue;
  api::VideoJob job = make_video_job("a");
  queue.put(job);
  EXPECT_EQ(queue.waiting(), 1U);
  job.spec.priority = 5;
  queue.put(job);
  EXPECT_EQ(queue.waiting(), 1U);
  queue.put(on_pod(job, "pod"));
  EXPECT_EQ(queue.waiting(), 0U);
  EXPECT_TRUE(queue.held("pod"));
  job.status.phase = "Succeeded";
  queue.put(job);
  EXPECT_FALSE(queue.held("pod"));
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, CountsThoseBeforeAJobAsItOrdersThem) {
  std::vector<api::VideoJob> jobs;
  unsigned random = 1;
  const auto next = [&random](unsigned bound) {
    random = random * 1103515245 + 12345;
    return (random >> 16) % bound;
  };
  for (int i = 0; i < 200; ++i) {
    api::VideoJob job = in("ns-" + std::to_string(next(4)), "job-" + std::to_string(i), -int(next(50)));
    job.spec.priority = int(next(3));
    jobs.push_back(next(10) == 0 ? on_pod(job, "pod-" + std::to_string(i)) : job);
  }
  Queue queue = queue_of(jobs);
  const auto all = names(queue.first(1000));
  for (const api::VideoJob& job : jobs) {
    const auto place = std::ranges::find(all, job.metadata.name);
    if (place == all.end()) continue;
    EXPECT_EQ(queue.before(job), static_cast<size_t>(place - all.begin())) << job.metadata.name;
    const auto so_far = queue.first(queue.before(job) + 1);
    EXPECT_EQ(so_far.back()->name, job.metadata.name) << "a short look agrees with the whole";
    api::VideoJob gone = job;
    queue.remove(job.metadata.uid);
    EXPECT_EQ(queue.before(gone), static_cast<size_t>(place - all.begin())) << "in line or not";
    queue.put(job);
  }
}

TEST(Queue, GivesTheNthInLineTheNthFreePod) {
  const api::VideoJob a = make_video_job("a", -3), b = make_video_job("b", -2), c = make_video_job("c", -1);
  const Queue queue = queue_of({a, b, c});
  EXPECT_EQ(queue.pod_for(a, {"p1", "p2"}), "p1");
  EXPECT_EQ(queue.pod_for(b, {"p1", "p2"}), "p2");
  EXPECT_EQ(queue.pod_for(c, {"p1", "p2"}), "");
  EXPECT_EQ(queue.pod_for(a, {}), "");
}

TEST(Queue, GivesNobodyAPodThatIsAssignedThoughItHasNotHeardOfItsJobYet) {
  Queue queue = queue_of({on_pod(make_video_job("other"), "p1"), make_video_job("a")});
  EXPECT_EQ(queue.pod_for(make_video_job("a"), {"p1"}), "");
  EXPECT_EQ(queue.pod_for(make_video_job("a"), {"p1", "p2"}), "p2");
}

TEST(Queue, GivesAPodToOneJobAloneWhileItsAssignmentIsBeingWritten) {
  const api::VideoJob a = make_video_job("a", -3), b = make_video_job("b", -2);
  Queue queue = queue_of({a, b});
  ASSERT_EQ(queue.pod_for(a, {"p1"}), "p1");
  queue.reserve(a, "p1");
  const api::VideoJob jumper = urgent("jumper", -1);
  queue.put(jumper);
  EXPECT_EQ(queue.pod_for(jumper, {"p1"}), "") << "the assignment of a is on its way";
  EXPECT_EQ(queue.pod_for(b, {"p1"}), "");
  EXPECT_EQ(queue.pod_for(jumper, {"p1", "p2"}), "p2");
  EXPECT_EQ(queue.pod_for(a, {"p1", "p2"}), "p1") << "a itself stays with its pod if it must write again";
  queue.put(a);
  EXPECT_EQ(queue.pod_for(jumper, {"p1"}), "") << "a state from before the write changes nothing";
  queue.put(on_pod(a, "p1"));
  EXPECT_EQ(queue.pod_for(jumper, {"p1"}), "");
  queue.remove(a.metadata.uid);
  EXPECT_EQ(queue.pod_for(jumper, {"p1"}), "p1");
}

TEST(Queue, GivesAPodThatAJobDidNotTakeToTheNext) {
  const api::VideoJob a = make_video_job("a", -3), b = make_video_job("b", -2);
  Queue queue = queue_of({a, b});
  queue.reserve(a, "p1");
  EXPECT_EQ(queue.pod_for(a, {"p2"}), "") << "its pod has gone: it must say so first";
  queue.withdraw(a);
  EXPECT_EQ(queue.pod_for(a, {"p1"}), "p1");
  EXPECT_EQ(queue.pod_for(b, {"p1", "p2"}), "p2");
}

TEST(Queue, SaysWhoseToldPlaceIsNotTrueAnyMore) {
  std::vector<api::VideoJob> jobs;
  for (int i = 0; i < 40; ++i) jobs.push_back(make_video_job("j" + std::to_string(i), -100 + i));
  Queue queue = queue_of(jobs);
  EXPECT_EQ(queue.told_wrong().size(), 40U);
  for (const api::VideoJob& job : jobs) queue.told(job.metadata.uid, rounded_place(queue.before(job)));
  EXPECT_THAT(queue.told_wrong(), IsEmpty());
  queue.remove(jobs[0].metadata.uid);
  EXPECT_THAT(names(queue.told_wrong()), ElementsAre("j1", "j2", "j3", "j4", "j5", "j9", "j17", "j33"))
      << "of 39 whose place has changed, those who would say something else";
}

TEST(Queue, RoundsPlacesUp) {
  EXPECT_EQ(rounded_place(0), 0U);
  EXPECT_EQ(rounded_place(4), 4U);
  EXPECT_EQ(rounded_place(5), 8U);
  EXPECT_EQ(rounded_place(8), 8U);
  EXPECT_EQ(rounded_place(2000), 2048U);
}

TEST(Queue, GuessesTheWaitFromWhatJobsTookLately) {
  Queue queue;
  EXPECT_FALSE(queue.seconds_until_turn(3, 1)) << "nothing is known yet";
  queue.learn(10);
  EXPECT_EQ(queue.seconds_until_turn(0, 1), 5);
  EXPECT_EQ(queue.seconds_until_turn(4, 2), 25);
  EXPECT_FALSE(queue.seconds_until_turn(4, 0));
  queue.learn(20);
  EXPECT_EQ(queue.seconds_until_turn(0, 1), 6) << "the newest counts a fifth";
}

// Everything that happens to 20,000 jobs of one deployment with 20 pods. Walking the line for each would take
// minutes; the test's own timeout says so.
TEST(Queue, CostsTheSameForEachOfThousandsOfJobs) {
  std::vector<api::VideoJob> jobs;
  for (int i = 0; i < 20000; ++i)
    jobs.push_back(in("ns-" + std::to_string(i % 7), "j" + std::to_string(i), i));
  std::vector<std::string> pods;
  for (int i = 0; i < 20; ++i) pods.push_back("pod-" + std::to_string(i));
  Queue queue = queue_of(jobs);
  size_t done = 0;
  while (queue.waiting() > 0) {
    for (const Ticket* ticket : queue.first(pods.size())) {
      api::VideoJob job = jobs[std::stoul(ticket->name.substr(1))];
      const std::string pod = queue.pod_for(job, pods);
      ASSERT_NE(pod, "");
      queue.reserve(job, pod);
      queue.put(on_pod(job, pod));
      queue.remove(job.metadata.uid);
      ++done;
    }
  }
  EXPECT_EQ(done, jobs.size());
}

std::vector<std::string> free_names(const std::vector<api::Pod>& pods,
                                    const std::vector<api::RuntimeView>& views) {
  std::vector<std::string> free;
  for (const api::Pod& pod : pods) {
    if (is_free(pod, find_view(views, pod.metadata.uid))) free.push_back(pod.metadata.name);
  }
  return free;
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
  EXPECT_TRUE(can_make_videos(ready_pod("pod-a"), &busy));
  busy.jobs = {job_state(make_video_job("x"), "Succeeded")};
  EXPECT_THAT(free_names({ready_pod("pod-a")}, {busy}), ElementsAre("pod-a"));
}

}  // namespace
}  // namespace wan::reconcile::video_job
