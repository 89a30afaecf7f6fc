#include "operator/reconcile/wan_deployment/admits.h"

#include <algorithm>

namespace wan::reconcile {

bool admits(const api::WanDeployment& deployment, const std::string& namespace_,
            const std::map<std::string, std::string>& labels) {
  if (namespace_ == deployment.metadata.namespace_) return true;
  const auto& allowed = deployment.spec.allowed_namespaces;
  if (!allowed || allowed->from == "Same") return false;
  if (allowed->from == "All") return true;
  // A selector without labels would select every namespace; the schema refuses it.
  if (!allowed->selector || allowed->selector->match_labels.empty()) return false;
  return std::ranges::all_of(allowed->selector->match_labels, [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

}  // namespace wan::reconcile
