#include "operator/kube/watch_event.h"

#include <array>
#include <optional>
#include <utility>

namespace wan::kube {
namespace {

std::optional<WatchEventType> type_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, WatchEventType>, 5> kTypes{{
      {"ADDED", WatchEventType::kAdded},
      {"MODIFIED", WatchEventType::kModified},
      {"DELETED", WatchEventType::kDeleted},
      {"BOOKMARK", WatchEventType::kBookmark},
      {"ERROR", WatchEventType::kError},
  }};
  for (const auto& [text, type] : kTypes) {
    if (text == name) return type;
  }
  return std::nullopt;
}

}  // namespace

bool is_initial_events_end(const WatchEvent& event) {
  return event.type == WatchEventType::kBookmark &&
         string_or(event.object, {"metadata", "annotations", "k8s.io/initial-events-end"}, "") == "true";
}

Result<WatchEvent> parse_watch_event(std::string_view line, bool managed_fields) {
  JsonLimits limits;
  if (!managed_fields) limits.without = "managedFields";
  limits.max_depth = 256;
  auto parsed = parse_json(line, limits);
  if (!parsed) return fail(corrupt("a watch event is not JSON: " + parsed.error().message));
  const std::string name = string_or(*parsed, {"type"}, "");
  // Some proxies answer a whole Status as the only line.
  if (name.empty() && string_or(*parsed, {"kind"}, "") == "Status") {
    return WatchEvent{WatchEventType::kError, *std::move(parsed)};
  }
  const auto type = type_of(name);
  if (!type) return fail(corrupt("a watch event has the unknown type \"" + name.substr(0, 40) + "\""));
  const Json* object = find(*parsed, {"object"});
  if (object == nullptr || !object->is_object()) return fail(corrupt("a watch event has no object"));
  return WatchEvent{*type, std::move((*parsed)["object"])};
}

}  // namespace wan::kube
