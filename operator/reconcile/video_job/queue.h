#pragma once
// Whose turn it is: priority, then fair share between namespaces, then age.

#include <vector>

#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/video_job.h"

namespace wan::reconcile::video_job {

// The jobs that wait for a replica, first the one whose turn it is. `jobs` are the unfinished VideoJobs of
// one WanDeployment; those that have an assignment, are cancelled, or wait for something else than a replica
// are left out (the assigned ones count for the fair share). At most `limit` are returned.
[[nodiscard]] std::vector<const api::VideoJob*> queue_order(const std::vector<const api::VideoJob*>& jobs,
                                                            size_t limit);

// Pods that can take a job now, by name: Ready, reachable, neither ending nor drained, with no unfinished job
// of their own and none of `jobs` assigned to them.
[[nodiscard]] std::vector<const api::Pod*> free_pods(const std::vector<api::Pod>& pods,
                                                     const std::vector<api::RuntimeView>& runtimes,
                                                     const std::vector<const api::VideoJob*>& jobs);

}  // namespace wan::reconcile::video_job
