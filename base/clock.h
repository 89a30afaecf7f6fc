#pragma once
// Time as a value: whoever decides by the clock takes a Clock, so that tests own it. Wall time is for records
// that people and other programs read; steady time is for intervals and deadlines.

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall() const = 0;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override;
  [[nodiscard]] SteadyTime steady() const override;
};

// RFC 3339 as the Kubernetes API writes metav1.Time: "2026-01-31T12:00:00Z" (seconds).
[[nodiscard]] std::string format_time(WallTime time);
// metav1.MicroTime: "2026-01-31T12:00:00.000000Z".
[[nodiscard]] std::string format_micro_time(WallTime time);
// Accepts both of the above and any number of fraction digits up to nine; only UTC ("Z").
[[nodiscard]] Result<WallTime> parse_time(std::string_view text);

}  // namespace wan
