#pragma once
// WanDeployment: token Secret, Service, Deployment of runtime pods, and a status that says what is so.
//
// Plan again when the WanDeployment, its GalleryModel, its children, its pods or their RuntimeViews change,
// and when a VideoJob of its namespace is deleted.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile::wan_deployment {

struct Observed {
  api::WanDeployment deployment;
  std::optional<api::GalleryModel> model;  // of spec.model.name
  // The Deployment and the Service named like the WanDeployment, whoever controls them.
  std::optional<api::Deployment> child;
  std::optional<api::Service> service;
  std::vector<api::Pod> pods;               // label wan.gallery/owner-uid = the WanDeployment's UID
  std::vector<api::RuntimeView> runtimes;   // of those pods, as far as known
  std::vector<std::string> video_job_uids;  // of every VideoJob in the namespace
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);

}  // namespace wan::reconcile::wan_deployment
