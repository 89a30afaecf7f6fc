#include "operator/reconcile/wan_deployment/drain.h"

#include "builders.h"
#include "operator/reconcile/video_job/queue.h"

namespace wan::reconcile::wan_deployment {
namespace {

using namespace wan::reconcile::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Pods {
  std::vector<api::Pod> pods;
  std::vector<api::RuntimeView> views;
  std::set<std::string> assigned;

  api::Pod& add(const std::string& name) {
    pods.push_back(ready_pod(name));
    views.push_back(ready_view(name));
    return pods.back();
  }
  // Works on a job.
  void add_busy(const std::string& name, double percent) {
    add(name);
    api::JobState state{.uid = "job-" + name, .attempt = 1, .phase = "Running"};
    state.progress = api::Progress{.percent = percent};
    views.back().jobs = {state};
  }
  void mark(const std::string& name) {
    for (api::Pod& pod : pods) {
      if (pod.metadata.name == name) pod.metadata.annotations[api::kAnnotationDraining] = "true";
    }
  }
  [[nodiscard]] Drain to(int target) const {
    std::vector<const api::Pod*> all;
    for (const api::Pod& pod : pods) all.push_back(&pod);
    return drain(all, target, views, assigned);
  }
};

// NAME+ marked, NAME- no longer.
std::vector<std::string> marks(const Drain& drain) {
  std::vector<std::string> result;
  for (const Json& pod : drain.pods) {
    const bool marked = find(pod, {"metadata", "annotations", api::kAnnotationDraining}) != nullptr;
    result.push_back(std::string(pod["metadata"]["name"]) + (marked ? "+" : "-"));
  }
  return result;
}

TEST(Drain, AnIdlePodGoesBeforeABusyOne) {
  Pods pods;
  pods.add_busy("a", 10);
  pods.add("b");
  EXPECT_THAT(marks(pods.to(1)), ElementsAre("b+"));
}

TEST(Drain, APodGoesOnlyOnceItsMarkIsSeen) {
  Pods pods;
  pods.add("a");
  EXPECT_EQ(pods.to(0).replicas, 1);
  pods.mark("a");
  EXPECT_EQ(pods.to(0).replicas, 0);
  EXPECT_THAT(marks(pods.to(0)), IsEmpty());
}

TEST(Drain, ABusyPodIsKeptUntilItsJobHasEnded) {
  Pods pods;
  pods.add_busy("a", 90);
  pods.mark("a");
  EXPECT_EQ(pods.to(0).replicas, 1);
  pods.views[0].jobs[0].phase = "Succeeded";
  EXPECT_EQ(pods.to(0).replicas, 0);
}

TEST(Drain, AnAssignedJobThatThePodHasNotTakenYetKeepsItToo) {
  Pods pods;
  pods.add("a");
  pods.mark("a");
  pods.assigned = {"a-uid"};
  EXPECT_EQ(pods.to(0).replicas, 1);
}

TEST(Drain, OfBusyPodsTheOneThatLosesLeastIsChosen) {
  Pods pods;
  pods.add_busy("a", 70);
  pods.add_busy("b", 20);
  pods.add_busy("c", 50);
  EXPECT_THAT(marks(pods.to(2)), ElementsAre("b+"));
}

TEST(Drain, WhoeverWasChosenStaysChosen) {
  Pods pods;
  pods.add_busy("a", 70);
  pods.add("b");
  pods.mark("a");
  const Drain drain = pods.to(1);
  EXPECT_THAT(marks(drain), IsEmpty());
  EXPECT_EQ(drain.replicas, 2);
}

TEST(Drain, IsTakenBackWhenThePodShallStay) {
  Pods pods;
  pods.add("a");
  pods.mark("a");
  const Drain drain = pods.to(1);
  EXPECT_THAT(marks(drain), ElementsAre("a-"));
  EXPECT_EQ(drain.pods[0]["metadata"]["uid"], "a-uid");
  EXPECT_EQ(drain.replicas, 1);
}

TEST(Drain, PodsThatAreNotReadyGoFirstAndAtOnce) {
  Pods pods;
  pods.add("a");
  pods.add("b").ready = false;
  const Drain drain = pods.to(1);
  EXPECT_THAT(marks(drain), IsEmpty());
  EXPECT_EQ(drain.replicas, 1);
}

TEST(Drain, IdleVictimsGoWhileBusyOnesAreStillKept) {
  Pods pods;
  pods.add("a");
  pods.add_busy("b", 5);
  pods.mark("a");
  pods.mark("b");
  EXPECT_EQ(pods.to(0).replicas, 1);
}

TEST(Drain, AMarkedPodGetsNoNewJob) {
  Pods pods;
  pods.add("a");
  pods.add("b");
  pods.mark("a");
  EXPECT_FALSE(video_job::is_free(pods.pods[0], &pods.views[0]));
  EXPECT_TRUE(video_job::is_free(pods.pods[1], &pods.views[1]));
}

TEST(Drain, TheClusterRemovesIdleVictimsBeforeBusyOnes) {
  Pods pods;
  pods.add("a");
  pods.add_busy("b", 5);
  const Drain drain = pods.to(0);
  const auto cost = [&](size_t i) {
    return std::stoi(string_or(drain.pods[i], {"metadata", "annotations", api::kAnnotationDeletionCost}, ""));
  };
  EXPECT_LT(cost(0), cost(1));
  EXPECT_LT(cost(1), 0) << "pods without the annotation cost 0";
}

}  // namespace
}  // namespace wan::reconcile::wan_deployment
