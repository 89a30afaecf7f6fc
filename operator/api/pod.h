#pragma once
// A Pod, trimmed to what plans read.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/kind.h"
#include "operator/api/meta.h"

namespace wan::api {

struct Terminated {
  int exit_code = 0;
  std::string reason;   // "OOMKilled", "Error", "Completed"
  std::string message;  // the termination message
  std::optional<WallTime> finished_at;

  bool operator==(const Terminated&) const = default;
};

struct ContainerState {
  std::string name;
  bool init = false;
  bool ready = false;
  bool running = false;
  int restart_count = 0;
  std::string waiting_reason;
  std::string waiting_message;
  std::optional<Terminated> terminated;       // state.terminated
  std::optional<Terminated> last_terminated;  // lastState.terminated

  bool operator==(const ContainerState&) const = default;
};

struct Pod {
  Meta metadata;
  std::string ip;
  std::string node;
  std::string phase;   // Pending Running Succeeded Failed Unknown
  std::string reason;  // "Evicted"
  std::string message;
  bool ready = false;
  std::string unschedulable;               // the scheduler's message; "" once a node is found
  std::vector<ContainerState> containers;  // init containers first

  bool operator==(const Pod&) const = default;
  [[nodiscard]] const ContainerState* container(std::string_view name) const;
};

template <>
const KindInfo& kind_info<Pod>();
template <>
Result<Pod> from_json<Pod>(const Json& object);

}  // namespace wan::api
