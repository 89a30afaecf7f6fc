#include "operator/api/pod.h"

#include <algorithm>

namespace wan::api {
namespace {

std::optional<Terminated> read_terminated(const Json& status, std::string_view state) {
  const Json* json = find(status, {state, "terminated"});
  if (!json || !json->is_object()) return std::nullopt;
  Terminated result{.exit_code = static_cast<int>(int_or(*json, {"exitCode"}, 0)),
                    .reason = string_or(*json, {"reason"}, ""),
                    .message = string_or(*json, {"message"}, "")};
  if (auto finished = parse_time(string_or(*json, {"finishedAt"}, ""))) result.finished_at = *finished;
  return result;
}

ContainerState read_container(const Json& status, bool init) {
  return {.name = string_or(status, {"name"}, ""),
          .init = init,
          .ready = bool_or(status, {"ready"}, false),
          .running = find(status, {"state", "running"}) != nullptr,
          .restart_count = static_cast<int>(int_or(status, {"restartCount"}, 0)),
          .waiting_reason = string_or(status, {"state", "waiting", "reason"}, ""),
          .waiting_message = string_or(status, {"state", "waiting", "message"}, ""),
          .terminated = read_terminated(status, "state"),
          .last_terminated = read_terminated(status, "lastState")};
}

void read_containers(const Json& object, std::string_view field, bool init,
                     std::vector<ContainerState>& result) {
  const Json* list = find(object, {"status", field});
  if (!list || !list->is_array()) return;
  for (const Json& status : *list) result.push_back(read_container(status, init));
}

void read_conditions(const Json& object, Pod& pod) {
  const Json* list = find(object, {"status", "conditions"});
  if (!list || !list->is_array()) return;
  for (const Json& condition : *list) {
    const std::string type = string_or(condition, {"type"}, "");
    const std::string status = string_or(condition, {"status"}, "");
    if (type == "Ready") pod.ready = status == "True";
    if (type == "PodScheduled" && status == "False") {
      pod.unschedulable =
          string_or(condition, {"message"}, string_or(condition, {"reason"}, "no node was found"));
    }
  }
}

}  // namespace

const ContainerState* Pod::container(std::string_view name) const {
  const auto found = std::ranges::find(containers, name, &ContainerState::name);
  return found == containers.end() ? nullptr : &*found;
}

template <>
const KindInfo& kind_info<Pod>() {
  static const KindInfo info{"", "v1", "Pod", "pods", true};
  return info;
}

template <>
Result<Pod> from_json<Pod>(const Json& object) {
  Pod pod;
  WAN_TRY(pod.metadata, meta_from_json(object));
  pod.ip = string_or(object, {"status", "podIP"}, "");
  pod.node = string_or(object, {"spec", "nodeName"}, "");
  pod.phase = string_or(object, {"status", "phase"}, "");
  pod.reason = string_or(object, {"status", "reason"}, "");
  pod.message = string_or(object, {"status", "message"}, "");
  read_conditions(object, pod);
  read_containers(object, "initContainerStatuses", true, pod.containers);
  read_containers(object, "containerStatuses", false, pod.containers);
  return pod;
}

}  // namespace wan::api
