#pragma once
// Why a runtime pod is not ready, in words that its user can act on.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"

namespace wan::reconcile {

enum class Severity {
  kProgress,  // on its way
  kWaiting,   // something outside must change: a node, an image, a claim
  kBroken,    // has failed again and again; will not get well by itself
};

struct Cause {
  Severity severity = Severity::kProgress;
  std::string reason;
  std::string message;
};

// How many times a container must have been restarted to count as broken.
inline constexpr int kBrokenRestarts = 3;

// Nothing for a pod that is ready or ending. `view` may be null.
[[nodiscard]] std::optional<Cause> diagnose(const api::Pod& pod, const api::RuntimeView* view);

// The worst of all pods; pods of one severity in the order given.
[[nodiscard]] std::optional<Cause> worst_cause(const std::vector<const api::Pod*>& pods,
                                               const std::vector<api::RuntimeView>& runtimes);

// The view of the pod of that UID, or nullptr.
[[nodiscard]] const api::RuntimeView* find_view(const std::vector<api::RuntimeView>& runtimes,
                                                const std::string& pod_uid);

// "exit code 137 (OOMKilled): message" of a container that ended.
[[nodiscard]] std::string describe(const api::Terminated& terminated);

}  // namespace wan::reconcile
