#pragma once
// The artifact server of one target (a claim or a bucket) in one namespace: it runs while a WanDeployment or
// a VideoJob names the target, owned by the oldest of them (WanDeployments first).
//
// Plan again when a referent appears or goes, and when the Deployment or Service changes.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile::artifacts {

struct Observed {
  std::string namespace_;
  std::string target;  // identity_of()
  // Of the namespace's that name the target (spec.artifacts; own_targets()) at least the oldest that is not
  // being deleted.
  std::vector<api::WanDeployment> deployments;
  std::vector<api::VideoJob> jobs;
  // The objects named artifact_server_name(target), whoever controls them.
  std::optional<api::Deployment> deployment;
  std::optional<api::Service> service;
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);

}  // namespace wan::reconcile::artifacts
