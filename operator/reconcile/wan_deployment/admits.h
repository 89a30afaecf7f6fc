#pragma once
// Whose VideoJobs a WanDeployment serves: spec.allowedNamespaces.

#include <map>
#include <string>

#include "operator/api/wan_deployment.h"

namespace wan::reconcile {

// Whether a VideoJob of that namespace may name the deployment. `labels` are those of the Namespace object;
// an unknown namespace has none, so a selector does not admit it.
[[nodiscard]] bool admits(const api::WanDeployment& deployment, const std::string& namespace_,
                          const std::map<std::string, std::string>& labels);

}  // namespace wan::reconcile
