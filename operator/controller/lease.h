#pragma once
// The Lease of a leader election as a value, and the rule that decides who may take it. Pure.

#include <optional>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/json/json.h"

namespace wan::controller {

struct ElectionSettings {
  std::string namespace_;
  std::string name = "wan-operator";
  std::string identity;  // unique to this process
  std::chrono::milliseconds lease_duration{15'000};
  std::chrono::milliseconds renew_deadline{10'000};
  std::chrono::milliseconds retry_period{2'000};
  uint64_t jitter_seed = std::random_device{}();
};

struct LeaseRecord {
  std::string holder;
  std::chrono::milliseconds duration{0};
  std::string acquire_time;
  std::string renew_time;
  int64_t transitions = 0;
  std::string resource_version;

  bool operator==(const LeaseRecord&) const = default;
};

[[nodiscard]] LeaseRecord lease_from_json(const Json& lease);

// The Lease object to write: held by `identity` from now on. `previous` is the stored object, null where
// there is none; its other fields stay.
[[nodiscard]] Json held_lease(const ElectionSettings& settings, const Json& previous, WallTime now);
// The same Lease given back: no holder, and expired at once.
[[nodiscard]] Json released_lease(const Json& previous, WallTime now);

// Judges expiry by its own steady clock only: a record counts as alive for its duration after this process
// saw it change. Clocks of other machines do not matter, only that they run at about the same rate.
class LeaseObserver {
 public:
  void observe(LeaseRecord record, SteadyTime now);
  // True if `identity` may write itself as holder now: it holds the Lease, nobody does, or the holder was
  // silent for the Lease's duration.
  [[nodiscard]] bool may_take(const std::string& identity, SteadyTime now) const;
  [[nodiscard]] const LeaseRecord& record() const { return record_; }

 private:
  LeaseRecord record_;
  SteadyTime changed_at_{};
};

}  // namespace wan::controller
