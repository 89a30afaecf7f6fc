#pragma once
// The queue of each WanDeployment that a VideoJob names, fed by the cache of VideoJobs.

#include <map>

#include "operator/cache/key.h"
#include "operator/reconcile/video_job/queue.h"

namespace wan::execute {

// The WanDeployment that the job names, whether it exists or not; nothing for a job with a pod of its own.
[[nodiscard]] std::optional<cache::Key> deployment_key(const api::VideoJob& job);

class Queues {
 public:
  // As the cache tells it: before == nullptr added, after == nullptr removed.
  void job_changed(const api::VideoJob* before, const api::VideoJob* after);

  // An empty one where nobody waits and nobody runs.
  [[nodiscard]] const reconcile::video_job::Queue& of(const cache::Key& deployment) const;
  // nullptr for a job with a pod of its own. Valid until the next change of a job.
  [[nodiscard]] reconcile::video_job::Queue* of(const api::VideoJob& job);

 private:
  std::map<cache::Key, reconcile::video_job::Queue> queues_;
};

}  // namespace wan::execute
