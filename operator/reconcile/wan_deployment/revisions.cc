#include "operator/reconcile/wan_deployment/revisions.h"

#include <algorithm>

#include "operator/api/identifiers.h"
#include "operator/reconcile/pods/cause.h"

namespace wan::reconcile::wan_deployment {
namespace {

bool runs(const Observed& observed, const Revision& revision) {
  return std::ranges::any_of(observed.children, [&](const api::Deployment& child) {
    return child.metadata.label(api::kLabelRevision) == revision.hash && child.spec_replicas > 0;
  });
}

}  // namespace

bool never_served(const Observed& observed, const Revision& newest) {
  if (!newest.failure.empty()) return true;
  if (observed.deployment.status.model || std::ranges::any_of(observed.pods, &api::Pod::ready)) return false;
  return std::ranges::any_of(observed.pods, [&](const api::Pod& pod) {
    if (pod.metadata.label(api::kLabelRevision) != newest.hash) return false;
    const auto cause = diagnose(pod, find_view(observed.runtimes, pod.metadata.uid));
    return cause && cause->severity != Severity::kProgress;
  });
}

namespace {

Choice made_newest(Revision revision, const std::vector<Revision>& history) {
  revision.number = history.empty() ? 1 : history.front().number + 1;
  revision.failure.clear();
  return {std::move(revision), true};
}

}  // namespace

std::vector<Revision> history_of(const Observed& observed) {
  std::vector<Revision> history;
  for (const api::ControllerRevision& live : observed.revisions) {
    if (live.metadata.deleted || live.metadata.label(api::kLabelRevision).empty()) continue;
    Revision revision = read_revision(live);
    if (revision.data.contains("template")) history.push_back(std::move(revision));
  }
  std::ranges::sort(history, std::ranges::greater(),
                    [](const Revision& one) { return std::tuple(one.number, one.hash); });
  return history;
}

std::optional<Choice> choose_revision(const Observed& observed, const std::vector<Revision>& history,
                                      const std::optional<Revision>& rendered) {
  const std::string spec = pod_spec_digest(observed.deployment.spec);
  const bool follows = observed.deployment.spec.update_policy == "Auto" && rendered;
  const auto serves = [&](const Revision& revision) {
    return follows ? revision.hash == rendered->hash : revision.spec == spec;
  };
  if (!history.empty() && serves(history.front())) {
    const bool anew =
        rendered && rendered->hash != history.front().hash && never_served(observed, history.front());
    return anew ? made_newest(*rendered, history) : Choice{history.front()};
  }
  for (const Revision& revision : history) {
    if (serves(revision) && runs(observed, revision)) {
      Choice choice = made_newest(revision, history);
      choice.revision.spec = spec;
      return choice;
    }
  }
  if (!rendered) return std::nullopt;
  return made_newest(*rendered, history);
}

}  // namespace wan::reconcile::wan_deployment
