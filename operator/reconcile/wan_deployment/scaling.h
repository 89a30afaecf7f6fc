#pragma once
// How many replicas a WanDeployment with spec.scaling needs: a pure function of its VideoJobs, measured in
// predicted seconds of work.

#include <chrono>
#include <optional>
#include <vector>

#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"

namespace wan::reconcile::wan_deployment {

// One more replica for each so many seconds of work that are not done yet, but never more than jobs.
inline constexpr double kSecondsPerReplica = 120;
// Work that ended so recently still counts where replicas would be taken away.
inline constexpr std::chrono::seconds kStabilisation{300};
// What a job is taken for while nothing is known of any.
inline constexpr double kUnknownSeconds = 60;
inline constexpr std::chrono::seconds kScaleToZeroAfter{600};

// A VideoJob as scaling sees it.
struct Load {
  WallTime created;
  std::optional<WallTime> ended;
  double units = 0;            // pixels times frames times steps; 0 if not known
  std::optional<double> took;  // seconds, of one that succeeded
  std::optional<double> left;  // seconds, of one under way
};

// Nothing for a job that asks for no replica: cancelled, being deleted, suspended, or without a store.
[[nodiscard]] std::optional<Load> load_of(const api::VideoJob& job);

struct Scale {
  int replicas = 0;
  std::optional<std::chrono::microseconds> look_again;  // when this may change by time alone
};

// `before`: status.desiredReplicas; nothing for a deployment that has just got its scaling.
[[nodiscard]] Scale choose_scale(const api::Scaling& scaling, const std::vector<Load>& loads,
                                 std::optional<int> before, WallTime deployment_created, WallTime now);

}  // namespace wan::reconcile::wan_deployment
