#include "operator/reconcile/video_job/queue.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"
#include "operator/reconcile/pods/cause.h"

namespace wan::reconcile::video_job {
namespace {

// A job that waits for its artifact server or store would hold up everybody behind it.
bool held_up(const api::VideoJob& job) {
  const api::Condition* ready = find_condition(job.status.conditions, api::kReady);
  return ready && (ready->reason == api::reason::kWaitingForArtifactServer ||
                   ready->reason == api::reason::kNoArtifactStore);
}

bool waits(const api::VideoJob& job) {
  return !job.status.assignment && !job.spec.cancel && !job.metadata.deleted && !is_finished(job.status) &&
         !held_up(job);
}

auto age(const api::VideoJob& job) { return std::tie(job.metadata.created, job.metadata.name); }

// Unfinished jobs on pods, by namespace.
std::map<std::string, size_t> shares(const std::vector<const api::VideoJob*>& jobs) {
  std::map<std::string, size_t> result;
  for (const api::VideoJob* job : jobs) {
    if (job->status.assignment && !is_finished(job->status)) ++result[job->metadata.namespace_];
  }
  return result;
}

// The waiting jobs of one priority and namespace, oldest first.
using Line = std::vector<const api::VideoJob*>;
using Lines = std::map<std::string, Line>;

// Takes the oldest job of the namespace with the smallest share until the lines are empty or `limit` is
// reached.
void take_turns(Lines lines, std::map<std::string, size_t>& share, size_t limit, Line& result) {
  std::map<std::string, size_t> taken;
  while (result.size() < limit) {
    const api::VideoJob* next = nullptr;
    for (const auto& [name, line] : lines) {
      if (taken[name] == line.size()) continue;
      const api::VideoJob* head = line[taken[name]];
      const auto order = [&](const api::VideoJob& job) {
        return std::tuple(share[job.metadata.namespace_], job.metadata.created, job.metadata.name);
      };
      if (!next || order(*head) < order(*next)) next = head;
    }
    if (!next) return;
    ++taken[next->metadata.namespace_];
    ++share[next->metadata.namespace_];
    result.push_back(next);
  }
}

}  // namespace

std::vector<const api::VideoJob*> queue_order(const std::vector<const api::VideoJob*>& jobs, size_t limit) {
  std::map<int, Lines, std::greater<>> by_priority;
  for (const api::VideoJob* job : jobs) {
    if (waits(*job)) by_priority[job->spec.priority][job->metadata.namespace_].push_back(job);
  }
  std::map<std::string, size_t> share = shares(jobs);
  Line result;
  for (auto& [priority, lines] : by_priority) {
    if (result.size() >= limit) break;
    for (auto& [name, line] : lines) {
      std::ranges::sort(line, [](const auto* a, const auto* b) { return age(*a) < age(*b); });
    }
    take_turns(std::move(lines), share, limit, result);
  }
  return result;
}

std::vector<const api::Pod*> free_pods(const std::vector<api::Pod>& pods,
                                       const std::vector<api::RuntimeView>& runtimes,
                                       const std::vector<const api::VideoJob*>& jobs) {
  std::set<std::string_view> assigned;
  for (const api::VideoJob* job : jobs) {
    if (job->status.assignment && !is_finished(job->status)) assigned.insert(job->status.assignment->pod_uid);
  }
  std::vector<const api::Pod*> result;
  for (const api::Pod& pod : pods) {
    const api::RuntimeView* view = find_view(runtimes, pod.metadata.uid);
    if (!pod.ready || pod.metadata.deleted || !view || !view->accepts_jobs()) continue;
    if (!pod.metadata.annotation(api::kAnnotationDraining).empty()) continue;
    if (assigned.contains(pod.metadata.uid)) continue;
    if (!std::ranges::all_of(view->jobs, &api::JobState::finished)) continue;
    result.push_back(&pod);
  }
  std::ranges::sort(result, {}, [](const api::Pod* pod) { return pod->metadata.name; });
  return result;
}

}  // namespace wan::reconcile::video_job
