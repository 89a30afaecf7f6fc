#include "operator/execute/observe.h"

#include <utility>

#include "operator/api/identifiers.h"
#include "operator/kube/api_error.h"
#include "operator/reconcile/objects/names.h"

namespace wan::execute {
namespace {

template <class T>
std::optional<T> copy(const T* found) {
  return found == nullptr ? std::nullopt : std::optional<T>(*found);
}

template <class T>
std::vector<T> copies(const std::vector<const T*>& found) {
  std::vector<T> values;
  values.reserve(found.size());
  for (const T* one : found) values.push_back(*one);
  return values;
}

std::vector<api::RuntimeView> views_of(const dispatch::Runtimes& runtimes,
                                       const std::vector<api::Pod>& pods) {
  std::vector<api::RuntimeView> views;
  for (const api::Pod& pod : pods) {
    if (const api::RuntimeView* view = runtimes.view(pod.metadata.uid)) views.push_back(*view);
  }
  return views;
}

template <class T>
std::vector<const T*> in_namespace(const cache::Store<T>& store, const std::string& namespace_) {
  std::vector<const T*> found;
  const auto& all = store.all();
  for (auto it = all.lower_bound(cache::Key{namespace_, ""});
       it != all.end() && it->first.namespace_ == namespace_; ++it) {
    found.push_back(&it->second);
  }
  return found;
}

void note_jobs(const Caches& caches, const cache::Key& key, reconcile::wan_deployment::Observed& observed) {
  const std::string served_by = joined(key.namespace_, key.name);
  for (const api::VideoJob* job : caches.video_jobs.by(caches.video_jobs_by_deployment, served_by)) {
    const auto load =
        observed.deployment.spec.scaling ? reconcile::wan_deployment::load_of(*job) : std::nullopt;
    if (load) observed.loads.push_back(*load);
    if (!job->status.assignment || api::is_finished(job->status)) continue;
    observed.assigned_pods.insert(job->status.assignment->pod_uid);
  }
  for (const api::RuntimeView& view : observed.runtimes) {
    for (const api::JobState& job : view.jobs) {
      if (!caches.video_jobs.by(caches.video_jobs_by_uid, job.uid).empty()) {
        observed.video_job_uids.insert(job.uid);
      }
    }
  }
}

template <class T>
Task<Status> look_up(kube::Api& api, kube::Resource resource, cache::Key key, std::optional<T>& into) {
  if (into) co_return Status();
  auto live = co_await api.get(resource, key.namespace_, key.name);
  if (!live && kube::is_not_found(live.error())) co_return Status();
  if (!live) co_return fail(live.error());
  WAN_CO_TRY(into, api::from_json<T>(*live));
  co_return Status();
}

}  // namespace

const api::WanDeployment* deployment_of(const Caches& caches, const api::VideoJob& job) {
  if (!job.spec.deployment_ref) return nullptr;
  return caches.wan_deployments.find(cache::Key{job.metadata.namespace_, job.spec.deployment_ref->name});
}

std::optional<reconcile::gallery_model::Observed> observe_gallery_model(const Caches& caches,
                                                                        const cache::Key& key) {
  const api::GalleryModel* model = caches.models.find(key);
  if (model == nullptr) return std::nullopt;
  return reconcile::gallery_model::Observed{*model};
}

std::optional<reconcile::wan_deployment::Observed> observe_wan_deployment(const Caches& caches,
                                                                          const dispatch::Runtimes& runtimes,
                                                                          const cache::Key& key) {
  const api::WanDeployment* deployment = caches.wan_deployments.find(key);
  if (deployment == nullptr) return std::nullopt;
  reconcile::wan_deployment::Observed observed;
  observed.deployment = *deployment;
  observed.model = copy(caches.models.find(cache::Key{"", deployment->spec.model.name}));
  const std::string& uid = deployment->metadata.uid;
  observed.children = copies(caches.deployments.by(caches.deployments_by_owner, uid));
  // Artifact servers are a matter of their claims, whoever owns them.
  std::erase_if(observed.children, [](const api::Deployment& child) {
    return !child.metadata.label(api::kLabelArtifacts).empty();
  });
  observed.revisions = copies(caches.revisions.by(caches.revisions_by_owner, uid));
  const cache::Key companion{key.namespace_, reconcile::pod_companion_name(*deployment)};
  observed.account = copy(caches.accounts.find(companion));
  observed.policy = copy(caches.policies.find(companion));
  observed.budget = copy(caches.budgets.find(companion));
  observed.service = copy(caches.services.find(key));
  observed.pods = copies(caches.pods.by(caches.pods_by_owner, uid));
  observed.runtimes = views_of(runtimes, observed.pods);
  note_jobs(caches, key, observed);
  return observed;
}

std::optional<reconcile::video_job::Observed> observe_video_job(const Caches& caches,
                                                                const dispatch::Runtimes& runtimes,
                                                                const cache::Key& key) {
  const api::VideoJob* job = caches.video_jobs.find(key);
  if (job == nullptr) return std::nullopt;
  reconcile::video_job::Observed observed;
  observed.job = *job;
  const api::WanDeployment* deployment = deployment_of(caches, *job);
  observed.deployment = copy(deployment);
  if (job->spec.deployment_ref) {
    const std::string served_by = joined(key.namespace_, job->spec.deployment_ref->name);
    for (const api::VideoJob* other : caches.video_jobs.by(caches.video_jobs_by_deployment, served_by)) {
      if (other != job && !api::is_finished(other->status)) observed.others.push_back(*other);
    }
  }
  if (job->spec.model) {
    observed.model = copy(caches.models.find(cache::Key{"", job->spec.model->name}));
    observed.runs = copies(caches.jobs.by(caches.jobs_by_owner, job->metadata.uid));
  }
  const std::string owner = deployment != nullptr ? deployment->metadata.uid : job->metadata.uid;
  observed.pods = copies(caches.pods.by(caches.pods_by_owner, owner));
  observed.runtimes = views_of(runtimes, observed.pods);
  const std::string claim = reconcile::artifact_claim(*job, deployment);
  if (!claim.empty()) {
    const cache::Key server{key.namespace_, reconcile::artifact_server_name(claim)};
    observed.artifact_deployment = copy(caches.deployments.find(server));
    observed.artifact_service = copy(caches.services.find(server));
    observed.artifact_pods = copies(
        caches.pods.by(caches.pods_by_artifacts, joined(key.namespace_, reconcile::claim_hash(claim))));
  }
  return observed;
}

reconcile::artifacts::Observed observe_artifacts(const Caches& caches, const cache::Key& key) {
  reconcile::artifacts::Observed observed;
  observed.namespace_ = key.namespace_;
  observed.claim = key.name;
  for (const api::WanDeployment* deployment : in_namespace(caches.wan_deployments, key.namespace_)) {
    if (reconcile::artifact_claim(*deployment) == key.name) observed.deployments.push_back(*deployment);
  }
  for (const api::VideoJob* job : in_namespace(caches.video_jobs, key.namespace_)) {
    if (reconcile::artifact_claim(*job, nullptr) == key.name) observed.jobs.push_back(*job);
  }
  const cache::Key server{key.namespace_, reconcile::artifact_server_name(key.name)};
  observed.deployment = copy(caches.deployments.find(server));
  observed.service = copy(caches.services.find(server));
  return observed;
}

Task<Status> look_for_others(kube::Api& api, reconcile::wan_deployment::Observed& observed) {
  const cache::Key key = cache::key_of(observed.deployment.metadata);
  co_return co_await look_up(api, kube::kServices, key, observed.service);
}

Task<Status> look_for_others(kube::Api& api, reconcile::artifacts::Observed& observed) {
  if (observed.deployments.empty() && observed.jobs.empty()) co_return Status();
  const cache::Key key{observed.namespace_, reconcile::artifact_server_name(observed.claim)};
  WAN_CO_TRY_VOID(co_await look_up(api, kube::kDeployments, key, observed.deployment));
  co_return co_await look_up(api, kube::kServices, key, observed.service);
}

}  // namespace wan::execute
