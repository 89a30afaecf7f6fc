#pragma once
// Leader election on a coordination.k8s.io Lease, by get, create and update. It makes two leaders unlikely,
// not impossible: whoever acts on its word alone must carry epoch() along, so that the receiver can refuse an
// older one.

#include <algorithm>
#include <random>

#include "base/async/async.h"
#include "operator/controller/lease.h"
#include "operator/kube/api.h"

namespace wan::controller {

[[nodiscard]] inline std::chrono::milliseconds request_timeout(const ElectionSettings& settings) {
  return std::max((settings.lease_duration - settings.renew_deadline) / 2, std::chrono::milliseconds(500));
}

class LeaderElection {
 public:
  // `api` must give up on a request after request_timeout(settings): then this process knows that it may have
  // lost the Lease before another one can take it.
  LeaderElection(kube::Api& api, const Clock& clock, ElectionSettings settings);

  // Returns when this process has become the leader; kCancelled if it was cancelled before.
  [[nodiscard]] Task<Status> acquire();
  // Renews until it fails for the renew deadline or another process holds the Lease; the Error says which.
  // From then on this process is not the leader.
  [[nodiscard]] Task<Error> hold();
  // Gives the Lease back so that another need not wait. Only after all work as a leader has ended.
  [[nodiscard]] Task<void> release();

  [[nodiscard]] bool leading() const { return leading_; }
  // Whether nobody else can have the Lease yet. A process that was frozen is leading() until its timers run.
  [[nodiscard]] bool lease_is_valid() const {
    return leading_ && clock_.steady() - renewed_at_ < settings_.lease_duration;
  }
  // The resourceVersion of the Lease write that won: grows with every change of leadership. "" before.
  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  [[nodiscard]] const std::string& holder() const { return observer_.record().holder; }

  // One attempt to take or renew the Lease: true if it is ours now, false if another holds it.
  [[nodiscard]] Task<Result<bool>> attempt();

 private:
  [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds period);

  kube::Api& api_;
  const Clock& clock_;
  ElectionSettings settings_;
  LeaseObserver observer_;
  Json lease_;  // as last read or written; null before
  bool leading_ = false;
  std::string epoch_;
  SteadyTime renewed_at_{};  // when the last successful write was begun
  std::mt19937_64 engine_;
};

}  // namespace wan::controller
