#pragma once
// From one revision to the next where GPUs are scarce. New pods come up beside the old ones, one more than
// asked for; where there is no room for that one, an old replica makes it. So all but one replica serve at
// any time, nothing waits for a pod that can never start, and a revision that cannot serve is given up for
// the one before.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/workloads.h"

namespace wan::reconcile::wan_deployment {

// How long a replica stays drained for a pod that waits for something outside, before that revision is given
// up.
inline constexpr std::chrono::minutes kRolloutPatience{10};

// One revision as it runs.
struct Group {
  std::string hash;
  const api::Deployment* child = nullptr;
  std::vector<const api::Pod*> pods;  // all that exist, ending ones too

  [[nodiscard]] int wanted() const { return child ? child->spec_replicas : 0; }
  [[nodiscard]] int ready() const;  // of those that are not ending
  // A pod waits for room that another replica takes: the scheduler finds too little of a resource, or a quota
  // is used up.
  [[nodiscard]] bool needs_room() const;
};

struct Shares {
  int current = 0;
  std::vector<int> old;

  bool operator==(const Shares&) const = default;
};

// Replicas of the revision that shall serve and of the others, newest first. The others are never given more
// than they have; what of them is not ready goes first, it serves nobody.
[[nodiscard]] Shares share_out(int desired, const Group& current, const std::vector<Group>& old);

struct Trial {
  std::string failure;  // why the revision is to be given up; "" while it may come up
  std::optional<std::chrono::milliseconds> look_again;
};
// Whether a revision that has not served yet still may. `weakened`: replicas of others have been drained for
// it.
[[nodiscard]] Trial try_revision(const Group& current, const std::vector<api::RuntimeView>& runtimes,
                                 bool weakened, WallTime now);

}  // namespace wan::reconcile::wan_deployment
