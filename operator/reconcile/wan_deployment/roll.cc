#include "operator/reconcile/wan_deployment/roll.h"

#include <algorithm>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/objects/pod_template.h"
#include "operator/reconcile/wan_deployment/drain.h"
#include "operator/reconcile/wan_deployment/revisions.h"

namespace wan::reconcile::wan_deployment {
namespace {

namespace reason = api::reason;

bool can_render(const Observed& observed) {
  return observed.model && find_profile(observed.model->spec, observed.deployment.spec.profile);
}

// Rendering is most of the work of a plan.
bool may_need_another(const Observed& observed, const std::vector<Revision>& history) {
  const api::WanDeploymentSpec& spec = observed.deployment.spec;
  return history.empty() || spec.update_policy == "Auto" || never_served(observed, history.front()) ||
         history.front().spec != pod_spec_digest(spec);
}

void note_missing_model(const Observed& observed, Rollout& rollout) {
  const api::WanDeploymentSpec& spec = observed.deployment.spec;
  if (!observed.model) {
    rollout.obstacle = {
        reason::kModelNotFound,
        "GalleryModel " + spec.model.name + " does not exist: kubectl get gallerymodels lists those that do"};
    return;
  }
  rollout.stalled = true;
  rollout.obstacle = {reason::kProfileNotFound, "GalleryModel " + spec.model.name + " has no profile \"" +
                                                    spec.profile +
                                                    "\", it has: " + profile_names(observed.model->spec)};
}

Group group_of(const Observed& observed, const std::string& hash) {
  Group group{.hash = hash};
  for (const api::Deployment& child : observed.children) {
    if (child.metadata.label(api::kLabelRevision) == hash && !child.metadata.deleted) group.child = &child;
  }
  for (const api::Pod& pod : observed.pods) {
    if (pod.metadata.label(api::kLabelRevision) == hash) group.pods.push_back(&pod);
  }
  return group;
}

// The groups of all Deployments but that of `serving`: newest first, those without a revision last.
std::vector<Group> other_groups(const Observed& observed, const std::vector<Revision>& history,
                                const std::string& serving) {
  std::vector<Group> groups;
  for (const Revision& revision : history) {
    Group group = group_of(observed, revision.hash);
    if (group.child && revision.hash != serving) groups.push_back(std::move(group));
  }
  for (const api::Deployment& child : observed.children) {
    const std::string hash = child.metadata.label(api::kLabelRevision);
    const bool known = std::ranges::find(history, hash, &Revision::hash) != history.end();
    if (!child.metadata.deleted && hash != serving && !known) groups.push_back(group_of(observed, hash));
  }
  return groups;
}

// The last revision before the newest that still has a Deployment and was not given up itself.
const Revision* fallback(const Observed& observed, const std::vector<Revision>& history) {
  for (size_t i = 1; i < history.size(); ++i) {
    if (history[i].failure.empty() && group_of(observed, history[i].hash).child) return &history[i];
  }
  return nullptr;
}

// Which revision serves: the newest, unless it was or must be given up and there is one to go back to.
const Revision& choose_serving(const Observed& observed, std::vector<Revision>& history, int desired,
                               WallTime now, Rollout& rollout, Plan& plan) {
  Revision& newest = history.front();
  const Revision* before = fallback(observed, history);
  if (!before) return newest;
  if (newest.failure.empty() && desired > 0 && !rollout.obstacle) {
    const Group group = group_of(observed, newest.hash);
    const bool weakened = is_weakened(desired, group, other_groups(observed, history, newest.hash));
    const Trial trial = try_revision(group, observed.runtimes, weakened, now);
    if (trial.look_again) look_again(plan, *trial.look_again);
    if (trial.failure.empty()) return newest;
    newest.failure = trial.failure;
    plan.steps.push_back(Apply{controller_revision(observed.deployment, newest)});
  }
  if (newest.failure.empty()) return newest;
  if (!rollout.obstacle) {
    rollout.stalled = true;
    rollout.obstacle = {reason::kRolledBack, "revision " + newest.hash + " was given up: " + newest.failure};
  }
  return *before;
}

// Writes the newest revision where that is new. Nothing if none exists and none can be made.
std::vector<Revision> settle_history(const Observed& observed, const Settings& settings, Rollout& rollout,
                                     Plan& plan) {
  std::vector<Revision> history = history_of(observed);
  std::optional<Revision> rendered;
  if (may_need_another(observed, history) && can_render(observed)) {
    rendered = render_revision(observed.deployment, *observed.model, settings);
  }
  auto choice = choose_revision(observed, history, rendered);
  if (!choice) {
    note_missing_model(observed, rollout);
    return history;
  }
  if (!choice->changed) return history;
  plan.steps.push_back(Apply{controller_revision(observed.deployment, choice->revision)});
  std::erase_if(history, [&](const Revision& one) { return one.hash == choice->revision.hash; });
  history.insert(history.begin(), std::move(choice->revision));
  return history;
}

bool scale(const Observed& observed, const Group& group, const Revision& revision, int share, Plan& plan) {
  int replicas = share;
  // All at once where nothing shall run: whoever suspends wants the GPUs back now, and jobs are not lost.
  if (!observed.deployment.spec.suspend) {
    Drain drained = drain(group.pods, share, observed.runtimes, observed.assigned_pods);
    for (Json& pod : drained.pods) plan.steps.push_back(Apply{std::move(pod)});
    replicas = std::max(share, std::min(group.wanted(), drained.replicas));
  }
  std::optional<api::Deployment> live;
  // Another number is applied again even where it is somebody else's doing and the intent is the same.
  if (group.child && group.wanted() == replicas) live = *group.child;
  return apply_child(live, runtime_deployment(observed.deployment, revision, replicas), plan);
}

// What is known of the others only by its Deployment can be removed but not scaled.
void scale_other(const Observed& observed, const Group& group, const std::vector<Revision>& history,
                 int share, Plan& plan) {
  const auto revision = std::ranges::find(history, group.hash, &Revision::hash);
  if (revision != history.end()) {
    scale(observed, group, *revision, share, plan);
  } else if (share < group.wanted() || group.wanted() == 0) {
    plan.steps.push_back(Delete{ref_of(*group.child)});
  }
}

// Deployments and revisions that nothing needs any more.
void tidy(const Observed& observed, const std::vector<Revision>& history, const Rollout& rollout,
          Plan& plan) {
  if (!rollout.obstacle && is_complete(rollout)) {
    for (const Group& group : rollout.others) {
      if (group.pods.empty()) plan.steps.push_back(Delete{ref_of(*group.child)});
    }
  }
  size_t kept = 0;
  for (const Revision& revision : history) {
    if (&revision == &history.front() || group_of(observed, revision.hash).child) continue;
    if (++kept <= kHistoryLimit) continue;
    for (const api::ControllerRevision& live : observed.revisions) {
      if (live.metadata.label(api::kLabelRevision) == revision.hash)
        plan.steps.push_back(Delete{ref_of(live)});
    }
  }
}

int desired_replicas(const Observed& observed, WallTime now, Plan& plan) {
  const api::WanDeployment& deployment = observed.deployment;
  if (deployment.spec.suspend) return 0;
  if (!deployment.spec.scaling) return deployment.spec.replicas;
  const Scale scale =
      choose_scale(*deployment.spec.scaling, observed.loads, deployment.status.desired_replicas,
                   deployment.metadata.created.value_or(now), now);
  if (scale.look_again) look_again(plan, *scale.look_again);
  return scale.replicas;
}

}  // namespace

Rollout roll(const Observed& observed, const Settings& settings, WallTime now, Plan& plan) {
  Rollout rollout;
  rollout.desired = desired_replicas(observed, now, plan);
  std::vector<Revision> history = settle_history(observed, settings, rollout, plan);
  if (history.empty()) return rollout;
  const Revision& serving = choose_serving(observed, history, rollout.desired, now, rollout, plan);
  rollout.serving = group_of(observed, serving.hash);
  rollout.others = other_groups(observed, history, serving.hash);
  const Shares shares = share_out(rollout.desired, rollout.serving, rollout.others);
  for (size_t i = 0; i < rollout.others.size(); ++i) {
    scale_other(observed, rollout.others[i], history, shares.old[i], plan);
  }
  const bool applied = scale(observed, rollout.serving, serving, shares.current, plan);
  const api::Deployment* child = rollout.serving.child;
  rollout.settled = !applied && child && child->observed_generation >= child->metadata.generation;
  tidy(observed, history, rollout, plan);
  return rollout;
}

}  // namespace wan::reconcile::wan_deployment
