#pragma once
// One line of a watch as a value.

#include <string>
#include <string_view>

#include "base/json/json.h"

namespace wan::kube {

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark, kError };

struct WatchEvent {
  WatchEventType type = WatchEventType::kAdded;
  Json object;  // of kError: a metav1.Status
};

// kCorrupt if the line is not a watch event: a state that depends on it is lost and must be listed again.
[[nodiscard]] Result<WatchEvent> parse_watch_event(std::string_view line, bool managed_fields = true);

// The bookmark that ends the initial events of a watch.
[[nodiscard]] bool is_initial_events_end(const WatchEvent& event);

}  // namespace wan::kube
