#pragma once
// Time that a test moves by hand.

#include "base/clock.h"

namespace wan::testing {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return wall_; }
  [[nodiscard]] SteadyTime steady() const override { return steady_; }
  void advance(std::chrono::milliseconds by) {
    wall_ += by;
    steady_ += by;
  }

 private:
  WallTime wall_{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31}};
  SteadyTime steady_{std::chrono::hours(1000)};
};

}  // namespace wan::testing
