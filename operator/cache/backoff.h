#pragma once
// How long a watcher waits after trouble: 0.8 s, doubled up to 30 s, each time stretched by up to as much
// again so that many watchers do not return together; from the start after two minutes without trouble.

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace wan::cache {

struct BackoffSettings {
  std::chrono::milliseconds first{800};
  std::chrono::milliseconds cap{30'000};
  std::chrono::seconds reset_after{120};
};

class Backoff {
 public:
  explicit Backoff(BackoffSettings settings = {}) : settings_(settings) {}
  // `random` is uniform in [0, 1).
  [[nodiscard]] std::chrono::milliseconds next(SteadyTime now, double random);
  void reset() { current_ = {}; }

 private:
  BackoffSettings settings_;
  std::chrono::milliseconds current_{0};
  std::optional<SteadyTime> last_;
};

}  // namespace wan::cache
