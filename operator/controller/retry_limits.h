#pragma once
// How soon failures are tried again: each key waits twice as long as the time before, and all keys of a queue
// together are held to a rate, so that an outage does not end in a storm. Changes are never held back.

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace wan::controller {

struct RetrySettings {
  std::chrono::milliseconds first{5};  // doubled with every failure in a row
  std::chrono::milliseconds cap{1'000'000};
  double per_second = 10;  // of the whole queue, after `burst` retries at once
  double burst = 100;
};

// A token bucket whose tokens can be reserved before they exist.
class RetryBucket {
 public:
  explicit RetryBucket(const RetrySettings& settings)
      : per_second_(settings.per_second), burst_(settings.burst), tokens_(settings.burst) {}

  // Takes a token if there is one.
  [[nodiscard]] bool try_take(SteadyTime now) {
    fill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // Takes the next token; how long it takes until that exists.
  [[nodiscard]] std::chrono::milliseconds reserve(SteadyTime now) {
    fill(now);
    tokens_ -= 1;
    return std::chrono::milliseconds(static_cast<int64_t>(std::max(0.0, -tokens_ / per_second_ * 1000)));
  }

 private:
  void fill(SteadyTime now) {
    if (last_ != SteadyTime{}) {
      tokens_ = std::min(burst_, tokens_ + std::chrono::duration<double>(now - last_).count() * per_second_);
    }
    last_ = now;
  }

  double per_second_;
  double burst_;
  double tokens_;
  SteadyTime last_{};
};

}  // namespace wan::controller
