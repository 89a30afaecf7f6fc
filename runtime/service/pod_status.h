#pragma once
// What the pod says about itself: the body of /v1/status and of the STATUS event.

#include <string>
#include <string_view>

#include "base/json/json.h"
#include "runtime/jobs/worker.h"

namespace wan::service {

enum class PodPhase { kLoading, kProbing, kReady, kDraining, kFailed };

[[nodiscard]] std::string_view to_string(PodPhase phase);

struct PodStatus {
  std::string pod_uid;
  PodPhase phase = PodPhase::kLoading;
  std::string message = "loading the model";
  jobs::Loaded loaded;           // filled when the phase has been Ready
  double seconds_per_step = -1;  // of the latest job; negative: none yet
};

[[nodiscard]] Json to_json(const PodStatus& status, size_t unfinished_jobs);

}  // namespace wan::service
