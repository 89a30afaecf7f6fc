#include "runtime/service/pod_status.h"

namespace wan::service {

std::string_view to_string(PodPhase phase) {
  switch (phase) {
    case PodPhase::kLoading: return "Loading";
    case PodPhase::kProbing: return "Probing";
    case PodPhase::kReady: return "Ready";
    case PodPhase::kDraining: return "Draining";
    case PodPhase::kFailed: return "Failed";
  }
  return "Failed";
}

Json to_json(const PodStatus& status, size_t unfinished_jobs) {
  Json json = {{"podUID", status.pod_uid},
               {"phase", to_string(status.phase)},
               {"message", status.message},
               {"secondsPerStep", status.seconds_per_step},
               {"jobs", unfinished_jobs}};
  if (!status.loaded.numerics_id.empty()) {
    json["model"] = {{"name", status.loaded.model.name}, {"digest", status.loaded.model.digest}};
    json["numericsId"] = status.loaded.numerics_id;
    json["defaults"] = pipeline::to_json(status.loaded.model.defaults);
  }
  return json;
}

}  // namespace wan::service
