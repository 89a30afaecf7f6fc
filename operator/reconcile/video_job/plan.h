#pragma once
// VideoJob: queue, assignment to a ready runtime pod (or a batch Job of its own), progress, result.
//
// Plan again when the VideoJob, its WanDeployment or GalleryModel, its pods, their RuntimeViews, its batch
// Job or its artifact server change; and when it may be its turn at its WanDeployment or its place there has
// changed: queue.h says so without a plan of every job that waits.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/settings.h"
#include "operator/reconcile/video_job/queue.h"

namespace wan::reconcile::video_job {

// Of one pod: another may have another model.
struct Answer {
  std::string pod_uid;
  std::string job_hash;  // "": it could not say
  api::Boxed<api::Resolved> resolved;

  bool operator==(const Answer&) const = default;
};

// What a look at spec.image gave.
struct ImageFinding {
  std::string trouble;  // "": it is there
  WallTime at;
  std::string reason = {};  // of the trouble
  std::string sha256 = {};  // of one that is a blob
  bool on_its_way = false;  // the artifact server takes it in
  int looks = 1;            // without success, so far

  bool operator==(const ImageFinding&) const = default;
};

struct Twin {
  std::string name;
  api::Boxed<api::VideoResult> result;
  std::string uid{};

  bool operator==(const Twin&) const = default;
};

// Objects of its artifact_server_name() in the job's namespace, and its pods (label wan.gallery/artifacts).
struct ArtifactServer {
  std::optional<api::Deployment> deployment;
  std::optional<api::Service> service;
  std::vector<api::Pod> pods;
};

struct Observed {
  api::VideoJob job;

  // spec.deploymentRef: the deployment, and what its queue says of this job.
  std::optional<api::WanDeployment> deployment;
  Turn turn;
  std::map<std::string, std::string>
      namespace_labels;  // of the job's namespace, where the deployment has another

  // spec.model: the entry, and the batch Jobs that this VideoJob controls.
  std::optional<api::GalleryModel> model;
  std::vector<api::Job> runs;
  std::string run_refusal;  // why the batch Job of this attempt could not make its pod: only an event says so

  // spec.deploymentRef: the assigned pod, the pod of `turn`, and pods that know the job. spec.model: the pods
  // with label wan.gallery/owner-uid = the VideoJob's UID.
  std::vector<api::Pod> pods;
  // Of those pods, with this job's states alone. A PUT that the pod refused with 422 appears here as a Failed
  // JobState, not retryable.
  std::vector<api::RuntimeView> runtimes;

  std::optional<ImageFinding> image;  // of spec.image, once this process has looked

  // What the pod of `turn` (or the job's own) has said it would make of the job, asked with a Resolve step.
  std::optional<Answer> answer;
  // VideoJobs of this namespace and store with the hash of `answer`, or of the status while there is no
  // answer.
  std::optional<Twin> finished_twin;  // its video is there, as far as is known
  std::optional<Twin> running_twin;   // assigned to a pod, or being assigned

  // Since when the assigned pod has not answered, as far as this process knows; nothing while it does.
  std::optional<WallTime> unreachable_since;

  ArtifactServer artifacts;  // of artifact_target(job, deployment)
  ArtifactServer pictures;   // of image_target(job)

  // When this process last wrote the job's status; limits how often it tells progress, or the same in other
  // words.
  std::optional<WallTime> last_status_write;
};

[[nodiscard]] Plan plan(const Observed& observed, const Settings& settings, WallTime now);
// Of the plan for a trimmed job (api::trim): carrying it out takes what was left out.
[[nodiscard]] bool needs_whole_job(const Plan& plan);

}  // namespace wan::reconcile::video_job
