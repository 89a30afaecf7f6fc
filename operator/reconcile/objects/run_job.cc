#include "operator/reconcile/objects/run_job.h"

#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/pod_template.h"

namespace wan::reconcile {

Json run_job(const api::VideoJob& job, const api::GalleryModel& model, int attempt,
             const Settings& settings) {
  const std::string label = bounded_name(job.metadata.name, "");
  Labels labels = common_labels("wan-runtime", label);
  labels[api::kLabelVideoJob] = label;
  labels[api::kLabelOwnerUid] = job.metadata.uid;
  const api::JobModel& wanted = *job.spec.model;
  api::Profile profile = *find_profile(model.spec, wanted.profile);
  if (!job.spec.precision.empty()) profile.precision = job.spec.precision;
  const RuntimePod pod{.model = &model,
                       .profile = &profile,
                       .digest = wanted.digest,
                       .gpu = wanted.gpu,
                       .placement = wanted.placement,
                       .cache = wanted.cache,
                       .labels = labels,
                       .job_uid = job.metadata.uid};
  Json object = child("batch/v1", "Job", run_job_name(job, attempt), labels, owner_of(job));
  // The operator counts attempts: a Job is one. A pod that a drain or preemption takes away is no failure:
  // the Job makes another, once the first has ended for certain.
  const Json disruption = {
      {"action", "Ignore"},
      {"onPodConditions", Json::array({{{"type", "DisruptionTarget"}, {"status", "True"}}})}};
  object["spec"] = {{"backoffLimit", 0},
                    {"podReplacementPolicy", "Failed"},
                    {"podFailurePolicy", {{"rules", Json::array({disruption})}}},
                    {"template", pod_template(pod, settings)}};
  return with_intent(std::move(object));
}

}  // namespace wan::reconcile
