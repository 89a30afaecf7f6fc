#pragma once
// WanDeployment: revisions and their Deployments, what guards the pods, Service, token Secret, and a status
// that says what is so.
//
// Plan again when the WanDeployment, its GalleryModel, its children, its pods or their RuntimeViews change,
// and when a VideoJob that names it comes, starts, ends or goes.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/api/children.h"
#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"
#include "operator/reconcile/wan_deployment/scaling.h"

namespace wan::reconcile::wan_deployment {

struct Observed {
  api::WanDeployment deployment;
  std::optional<api::GalleryModel> model;  // of spec.model.name
  // Those that the WanDeployment controls; the revisions with the anchors of tokens among them.
  std::vector<api::Deployment> children;
  std::vector<api::ControllerRevision> revisions;
  // The objects of the names that the WanDeployment's children have, whoever controls them.
  std::optional<api::ServiceAccount> account;
  std::optional<api::NetworkPolicy> policy;
  std::optional<api::PodDisruptionBudget> budget;
  std::optional<api::Service> service;
  std::vector<api::Pod> pods;              // label wan.gallery/owner-uid = the WanDeployment's UID
  std::vector<api::RuntimeView> runtimes;  // of those pods, as far as known
  std::set<std::string> assigned_pods;     // UIDs of the pods that unfinished VideoJobs are assigned to
  std::vector<Load> loads;                 // of the VideoJobs that name it, where it has spec.scaling
  std::set<std::string> video_job_uids;    // of the jobs in `runtimes`, those that a VideoJob stands for
  bool first_look = false;                 // of this process: what another one left undone may be unseen
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);

}  // namespace wan::reconcile::wan_deployment
