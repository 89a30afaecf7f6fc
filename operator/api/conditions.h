#pragma once
// metav1.Condition and the kstatus contract: Ready is always there; Reconciling and Stalled are abnormal-true
// (present only while true) and never both.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "operator/api/field_table.h"

namespace wan::api {

inline constexpr const char* kReady = "Ready";
inline constexpr const char* kReconciling = "Reconciling";
inline constexpr const char* kStalled = "Stalled";
inline constexpr const char* kSucceeded = "Succeeded";
inline constexpr const char* kSuspended = "Suspended";

struct Condition {
  std::string type;
  std::string status = "Unknown";  // True False Unknown
  int64_t observed_generation = 0;
  std::optional<WallTime> last_transition_time;
  std::string reason;   // CamelCase, from reasons.h
  std::string message;  // at most 32768 bytes

  bool operator==(const Condition&) const = default;
  static const Table<Condition>& table();
};

using Conditions = std::vector<Condition>;

[[nodiscard]] const Condition* find_condition(const Conditions& conditions, std::string_view type);
[[nodiscard]] bool is_true(const Conditions& conditions, std::string_view type);

// Sets or adds the condition of that type. lastTransitionTime (whole seconds) moves only when `status` does.
void set_condition(Conditions& conditions, Condition condition, WallTime now);
void remove_condition(Conditions& conditions, std::string_view type);

// The four states a resource can be in, as kstatus reads them. Each sets Ready and leaves at most one of
// Reconciling and Stalled.
struct Verdict {
  std::string reason;
  std::string message;
};
void mark_ready(Conditions& conditions, const Verdict& verdict, int64_t generation, WallTime now);
void mark_reconciling(Conditions& conditions, const Verdict& verdict, int64_t generation, WallTime now);
void mark_stalled(Conditions& conditions, const Verdict& verdict, int64_t generation, WallTime now);

}  // namespace wan::api
