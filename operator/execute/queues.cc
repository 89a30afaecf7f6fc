#include "operator/execute/queues.h"

#include "operator/api/reasons.h"

namespace wan::execute {
namespace {

// What the video cost a replica; nothing of a job that did not end in one.
double replica_seconds(const api::VideoJob& job) {
  if (!job.status.timings || job.status.phase != api::job_phase::kSucceeded) return 0;
  const api::Timings& t = *job.status.timings;
  return t.text_encode.value_or(0) + t.denoise.value_or(0) + t.decode.value_or(0) + t.encode.value_or(0) +
         t.upload.value_or(0);
}

}  // namespace

std::optional<cache::Key> deployment_key(const api::VideoJob& job) {
  if (!job.spec.deployment_ref) return std::nullopt;
  const api::DeploymentRef& ref = *job.spec.deployment_ref;
  return cache::Key{ref.namespace_.empty() ? job.metadata.namespace_ : ref.namespace_, ref.name};
}

void Queues::job_changed(const api::VideoJob* before, const api::VideoJob* after) {
  const auto key = deployment_key(after != nullptr ? *after : *before);
  if (!key) return;
  reconcile::video_job::Queue& queue = queues_[*key];
  if (after == nullptr) {
    queue.remove(before->metadata.uid);
  } else {
    const bool ended = api::is_finished(after->status);
    if (ended && (before == nullptr || !api::is_finished(before->status))) {
      queue.learn(replica_seconds(*after));
    }
    queue.put(*after);
  }
  // A queue that nobody stands in is kept for what it has learnt, as long as its jobs are there.
  if (after == nullptr && queue.empty()) queues_.erase(*key);
}

const reconcile::video_job::Queue& Queues::of(const cache::Key& deployment) const {
  static const reconcile::video_job::Queue nobody;
  const auto it = queues_.find(deployment);
  return it == queues_.end() ? nobody : it->second;
}

reconcile::video_job::Queue* Queues::of(const api::VideoJob& job) {
  const auto key = deployment_key(job);
  return key ? &queues_[*key] : nullptr;
}

}  // namespace wan::execute
