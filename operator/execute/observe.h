#pragma once
// Gathers what a plan looks at, from the caches and the runtime views. Nothing if the object itself does not
// exist (any more): then there is nothing to do, its children go with it.

#include <functional>
#include <optional>

#include "operator/dispatch/runtimes.h"
#include "operator/execute/caches.h"
#include "operator/reconcile/artifacts/plan.h"
#include "operator/reconcile/gallery_model/plan.h"
#include "operator/reconcile/video_job/plan.h"
#include "operator/reconcile/wan_deployment/plan.h"

namespace wan::execute {

[[nodiscard]] std::optional<reconcile::gallery_model::Observed> observe_gallery_model(const Caches& caches,
                                                                                      const cache::Key& key);
[[nodiscard]] std::optional<reconcile::wan_deployment::Observed> observe_wan_deployment(
    const Caches& caches, const dispatch::Runtimes& runtimes, const cache::Key& key);
[[nodiscard]] std::optional<reconcile::video_job::Observed> observe_video_job(
    const Caches& caches, const dispatch::Runtimes& runtimes, const cache::Key& key);

// The other VideoJobs of the namespace and store that make, or have made, the video of that hash.
// `unusable`: UIDs of jobs whose videos are of no use. A job that has ended is named without its result.
void observe_twins(const Caches& caches, const std::string& job_hash,
                   const std::function<bool(const std::string&)>& unusable,
                   reconcile::video_job::Observed& observed);

// The replicas of a deployment that can make videos, and of those the UIDs of the free ones, by name of pod.
struct FreePods {
  size_t replicas = 0;
  std::vector<std::string> uids;
};
[[nodiscard]] FreePods free_pods(const Caches& caches, const dispatch::Runtimes& runtimes,
                                 const std::string& deployment_uid);
// `key`: namespace and identity of a target. Always something: a target that nobody names any more has a
// server to end.
[[nodiscard]] reconcile::artifacts::Observed observe_artifacts(const Caches& caches, const cache::Key& key);

// The WanDeployment that the job names; nullptr if it names none or it does not exist.
[[nodiscard]] const api::WanDeployment* deployment_of(const Caches& caches, const api::VideoJob& job);

// Where the cache (which holds only our own objects) has no object of that name, somebody else may have one:
// asks the API server.
[[nodiscard]] Task<Status> look_for_others(kube::Api& api, reconcile::wan_deployment::Observed& observed);
[[nodiscard]] Task<Status> look_for_others(kube::Api& api, reconcile::artifacts::Observed& observed);
// Where a batch Job has no pod a while after it was made: the last refusal that its controller has told.
[[nodiscard]] Task<void> look_for_refusal(kube::Api& api, WallTime now,
                                          reconcile::video_job::Observed& observed);

}  // namespace wan::execute
