#pragma once
// What a cluster does with what the plans of a WanDeployment write, a step at a time: Deployments make pods,
// pods find room or not, start or not.

#include <algorithm>
#include <set>

#include "builders.h"

namespace wan::reconcile::testing {

struct Cluster {
  int room = 100;  // pods that find a node
  std::string no_room = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu";
  std::set<std::string> broken;  // revisions whose pods crash
  WallTime now = kNow;
  int next_pod = 0;

  // Carries out what a plan writes.
  void carry_out(const Plan& plan, wan_deployment::Observed& observed) {
    observed.deployment.status = status_after(plan, observed.deployment);
    for (const Apply& step : steps_of<Apply>(plan)) apply(step.object, observed);
    for (const Delete& step : steps_of<Delete>(plan)) {
      const auto is_it = [&](const auto& one) { return one.metadata.uid == step.ref.uid; };
      std::erase_if(observed.children, is_it);
      std::erase_if(observed.revisions, is_it);
    }
  }

  // Lets every controller and every pod get one step further.
  void step(wan_deployment::Observed& observed) {
    end_orphans(observed);
    for (const api::Deployment& child : observed.children) advance(observed, child);
    for (const api::Deployment& child : observed.children) fit(observed, child);
    for (api::Deployment& child : observed.children) report(observed, child);
  }

  // Plans and steps until there is nothing to write any more.
  void settle(wan_deployment::Observed& observed) {
    for (int i = 0; i < 200; ++i) {
      const Plan plan = wan_deployment::plan(observed, settings(), now);
      carry_out(plan, observed);
      const auto before = observed.pods;
      step(observed);
      if (acts_of(plan).empty() && before == observed.pods) return;
    }
    ADD_FAILURE() << "never at rest";
  }

 private:
  static std::vector<api::Pod*> alive(wan_deployment::Observed& observed, const api::Deployment& child) {
    std::vector<api::Pod*> pods;
    for (api::Pod& pod : observed.pods) {
      const bool of_child =
          pod.metadata.label(api::kLabelRevision) == child.metadata.label(api::kLabelRevision);
      if (of_child && !pod.metadata.deleted) pods.push_back(&pod);
    }
    return pods;
  }

  static api::Meta live_meta(const Json& object, const wan_deployment::Observed& observed) {
    api::Meta live = *api::meta_from_json(object);
    live.uid = string_or(object, {"kind"}, "") + "-" + live.name;
    live.generation = 1;
    live.controller = api::OwnerRef{"wan.gallery/v1alpha1", "WanDeployment",
                                    observed.deployment.metadata.name, observed.deployment.metadata.uid};
    return live;
  }

  void apply(const Json& object, wan_deployment::Observed& observed) {
    const std::string kind = object["kind"];
    const api::Meta live = live_meta(object, observed);
    if (kind == "Service") observed.service = api::Service{live, "10.96.0.5", kOwned};
    if (kind == "ServiceAccount") observed.account = api::ServiceAccount{live, kOwned};
    if (kind == "NetworkPolicy") observed.policy = api::NetworkPolicy{live, kOwned};
    if (kind == "PodDisruptionBudget") observed.budget = api::PodDisruptionBudget{live, kOwned};
    if (kind == "ControllerRevision") apply_revision(object, live, observed);
    if (kind == "Deployment") apply_deployment(object, live, observed);
    if (kind == "Pod") apply_pod(object, observed);
  }

  void apply_revision(const Json& object, api::Meta live, wan_deployment::Observed& observed) const {
    api::ControllerRevision made{std::move(live), object["revision"], object["data"].dump()};
    made.metadata.created = now;
    for (api::ControllerRevision& known : observed.revisions) {
      if (known.metadata.uid != made.metadata.uid) continue;
      EXPECT_EQ(known.data, made.data) << "data cannot be changed";
      made.metadata.created = known.metadata.created;
      known = made;
      return;
    }
    observed.revisions.push_back(made);
  }

  static void apply_deployment(const Json& object, const api::Meta& live,
                               wan_deployment::Observed& observed) {
    auto child = std::ranges::find(observed.children, live.uid, [](const auto& d) { return d.metadata.uid; });
    if (child == observed.children.end()) {
      observed.children.emplace_back();
      child = std::prev(observed.children.end());
      child->metadata.generation = 0;
    }
    const int64_t generation = child->metadata.generation + 1;
    child->metadata = live;
    child->metadata.generation = generation;
    child->spec_replicas = object["spec"]["replicas"];
    child->owned = kOwned;
  }

  static void apply_pod(const Json& object, wan_deployment::Observed& observed) {
    for (api::Pod& pod : observed.pods) {
      if (pod.metadata.uid != string_or(object, {"metadata", "uid"}, "")) continue;
      pod.metadata.annotations.clear();
      if (const Json* annotations = find(object, {"metadata", "annotations"})) {
        pod.metadata.annotations = *annotations;
      }
    }
  }

  static void end_orphans(wan_deployment::Observed& observed) {
    std::erase_if(observed.pods, [&](const api::Pod& pod) {
      return std::ranges::none_of(observed.children, [&](const api::Deployment& child) {
        return child.metadata.label(api::kLabelRevision) == pod.metadata.label(api::kLabelRevision);
      });
    });
  }

  void advance(wan_deployment::Observed& observed, const api::Deployment& child) {
    for (api::Pod* pod : alive(observed, child)) {
      if (pod->ready) continue;
      const auto used =
          std::ranges::count_if(observed.pods, [](const api::Pod& p) { return !p.node.empty(); });
      if (pod->node.empty() && used >= room) {
        pod->unschedulable = no_room;
      } else if (pod->node.empty()) {
        pod->unschedulable.clear();
        pod->node = "node1";
      } else if (broken.contains(child.metadata.label(api::kLabelRevision))) {
        pod->containers = {{.name = "runtime",
                            .restart_count = 3,
                            .waiting_reason = "CrashLoopBackOff",
                            .last_terminated = api::Terminated{.exit_code = 1, .message = "no such kernel"}}};
      } else {
        pod->ready = true;
        observed.runtimes.push_back(ready_view(pod->metadata.name));
      }
    }
  }

  // As many pods as the Deployment wants; too many: what is not ready goes first, then the cheapest.
  void fit(wan_deployment::Observed& observed, const api::Deployment& child) {
    std::vector<api::Pod*> pods = alive(observed, child);
    std::ranges::sort(pods, {}, [](const api::Pod* pod) {
      const std::string cost = pod->metadata.annotation(api::kAnnotationDeletionCost);
      return std::tuple(pod->ready, cost.empty() ? 0 : std::stoi(cost));
    });
    std::set<std::string> ending;
    for (int i = 0; i + child.spec_replicas < static_cast<int>(pods.size()); ++i) {
      ending.insert(pods[static_cast<size_t>(i)]->metadata.uid);
    }
    const int missing = child.spec_replicas - static_cast<int>(pods.size());
    std::erase_if(observed.pods, [&](const api::Pod& pod) { return ending.contains(pod.metadata.uid); });
    std::erase_if(observed.runtimes,
                  [&](const api::RuntimeView& view) { return ending.contains(view.pod_uid); });
    for (int i = 0; i < missing; ++i) {
      const std::string name = "pod-" + std::to_string(next_pod++);
      api::Pod pod;
      pod.metadata = meta(name, name + "-uid");
      pod.metadata.created = now;
      pod.metadata.labels = {{api::kLabelOwnerUid, "wd-uid"},
                             {api::kLabelRevision, child.metadata.label(api::kLabelRevision)}};
      pod.phase = "Pending";
      pod.containers = {{.name = "pull", .init = true, .terminated = api::Terminated{.exit_code = 0}},
                        {.name = "runtime", .running = true}};
      observed.pods.push_back(pod);
    }
  }

  static void report(wan_deployment::Observed& observed, api::Deployment& child) {
    const auto pods = alive(observed, child);
    child.observed_generation = child.metadata.generation;
    child.replicas = child.updated_replicas = static_cast<int>(pods.size());
    child.ready_replicas = static_cast<int>(std::ranges::count_if(pods, &api::Pod::ready));
  }
};

}  // namespace wan::reconcile::testing
