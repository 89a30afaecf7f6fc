#pragma once
// VideoJob: queue, assignment to a ready runtime pod (or a batch Job of its own), progress, result.
//
// Plan again when the VideoJob, its WanDeployment or GalleryModel, its pods, their RuntimeViews, its batch
// Job or its artifact server change; and when a replica may have become free (a VideoJob of the same
// WanDeployment ended, was assigned or was deleted): queue_order() in queue.h says whose turn it is.

#include <optional>
#include <vector>

#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"

namespace wan::reconcile::video_job {

struct Observed {
  api::VideoJob job;

  // spec.deploymentRef: the deployment, its pods and the other unfinished VideoJobs that name it.
  std::optional<api::WanDeployment> deployment;
  std::vector<api::VideoJob> others;

  // spec.model: the entry, and the batch Jobs that this VideoJob controls.
  std::optional<api::GalleryModel> model;
  std::vector<api::Job> runs;

  // Label wan.gallery/owner-uid = the WanDeployment's UID, or the VideoJob's for spec.model.
  std::vector<api::Pod> pods;
  // Of those pods. A PUT that the pod refused with 422 appears here as a Failed JobState, not retryable.
  std::vector<api::RuntimeView> runtimes;

  // The artifact server of artifact_claim(job, deployment): objects of artifact_server_name(claim) in the
  // job's namespace, and its pods (label wan.gallery/artifacts).
  std::optional<api::Deployment> artifact_deployment;
  std::optional<api::Service> artifact_service;
  std::vector<api::Pod> artifact_pods;

  // When this process last wrote the job's progress; limits how often it does.
  std::optional<WallTime> last_progress_write;
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);

}  // namespace wan::reconcile::video_job
