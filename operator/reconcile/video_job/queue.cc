#include "operator/reconcile/video_job/queue.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "operator/api/identifiers.h"
#include "operator/api/reasons.h"

namespace wan::reconcile::video_job {
namespace {

namespace reason = api::reason;

// A job that waits for something else than a replica would hold up everybody behind it.
bool held_up(const api::VideoJob& job) {
  const api::Condition* ready = find_condition(job.status.conditions, api::kReady);
  return ready &&
         (ready->reason == reason::kWaitingForArtifactServer || ready->reason == reason::kNoArtifactStore ||
          ready->reason == reason::kRefNotPermitted || ready->reason == reason::kImageNotFound ||
          ready->reason == reason::kImageUnavailable || ready->reason == reason::kWaitingForIdenticalJob);
}

bool older(const Ticket* a, const Ticket* b) {
  return std::tie(a->created, a->name, a->namespace_) < std::tie(b->created, b->name, b->namespace_);
}

struct Standing {
  size_t round = 0;
  const Ticket* ticket = nullptr;
};

bool goes_first(const Standing& a, const Standing& b) {
  return a.round != b.round ? a.round < b.round : older(a.ticket, b.ticket);
}

}  // namespace

bool stands_in_line(const api::VideoJob& job) {
  return !job.status.assignment && !job.spec.cancel && !job.metadata.deleted && !is_finished(job.status) &&
         !job.spec.suspend && !job.status.retry_time && !held_up(job);
}

size_t rounded_place(size_t before) {
  size_t rounded = 4;
  while (rounded < before) rounded *= 2;
  return before <= 4 ? before : rounded;
}

bool can_make_videos(const api::Pod& pod, const api::RuntimeView* view) {
  return pod.ready && !pod.metadata.deleted && pod.metadata.annotation(api::kAnnotationDraining).empty() &&
         view && view->accepts_jobs();
}

bool is_free(const api::Pod& pod, const api::RuntimeView* view) {
  return can_make_videos(pod, view) && std::ranges::all_of(view->jobs, &api::JobState::finished);
}

Ticket Queue::ticket_of(const api::VideoJob& job) const {
  Ticket ticket{.uid = job.metadata.uid,
                .namespace_ = job.metadata.namespace_,
                .name = job.metadata.name,
                .priority = job.spec.priority,
                .created = job.metadata.created,
                .in_line = stands_in_line(job),
                .pod_uid = job.status.assignment ? job.status.assignment->pod_uid : ""};
  if (const auto it = reserved_.find(ticket.uid); it != reserved_.end()) {
    ticket.pod_uid = it->second;
    ticket.in_line = false;
  }
  return ticket;
}

void Queue::put(const api::VideoJob& job) {
  const std::string& uid = job.metadata.uid;
  if (is_finished(job.status)) return remove(uid);
  const auto own = reserved_.find(uid);
  if (own != reserved_.end() && job.status.assignment && job.status.assignment->pod_uid == own->second) {
    reserved_.erase(own);
  }
  Ticket fresh = ticket_of(job);
  const auto [it, added] = tickets_.try_emplace(uid);
  if (!added) {
    if (it->second == fresh) return;
    unlink(it->second);
  }
  it->second = std::move(fresh);
  link(it->second);
}

void Queue::remove(const std::string& job_uid) {
  reserved_.erase(job_uid);
  told_.erase(job_uid);
  const auto it = tickets_.find(job_uid);
  if (it == tickets_.end()) return;
  unlink(it->second);
  tickets_.erase(it);
}

void Queue::link(const Ticket& ticket) {
  if (ticket.in_line) {
    Line& line = lines_[ticket.priority][ticket.namespace_];
    line.insert(std::ranges::lower_bound(line, &ticket, older), &ticket);
    ++waiting_;
  } else {
    told_.erase(ticket.uid);
  }
  if (ticket.pod_uid.empty()) return;
  holders_[ticket.pod_uid].insert(ticket.uid);
  ++shares_[ticket.namespace_];
}

void Queue::unlink(const Ticket& ticket) {
  if (ticket.in_line) {
    Lines& lines = lines_[ticket.priority];
    Line& line = lines[ticket.namespace_];
    line.erase(std::ranges::lower_bound(line, &ticket, older));
    if (line.empty()) lines.erase(ticket.namespace_);
    if (lines.empty()) lines_.erase(ticket.priority);
    --waiting_;
  }
  if (ticket.pod_uid.empty()) return;
  auto& holders = holders_[ticket.pod_uid];
  holders.erase(ticket.uid);
  if (holders.empty()) holders_.erase(ticket.pod_uid);
  if (--shares_[ticket.namespace_] == 0) shares_.erase(ticket.namespace_);
}

void Queue::reserve(const api::VideoJob& job, const std::string& pod_uid) {
  reserved_[job.metadata.uid] = pod_uid;
  put(job);
}

void Queue::withdraw(const api::VideoJob& job) {
  if (reserved_.erase(job.metadata.uid) > 0) put(job);
}

// Replicas that the namespace holds before a job of that priority is looked at: those of now, and those that
// its jobs of higher priority will have been given.
size_t Queue::share(const std::string& namespace_, int priority) const {
  const auto held = shares_.find(namespace_);
  size_t result = held == shares_.end() ? 0 : held->second;
  for (const auto& [higher, lines] : lines_) {
    if (higher <= priority) break;
    if (const auto line = lines.find(namespace_); line != lines.end()) result += line->second.size();
  }
  return result;
}

size_t Queue::before(const Ticket& mine) const {
  size_t result = 0;
  auto it = lines_.begin();
  for (; it != lines_.end() && it->first > mine.priority; ++it) {
    for (const auto& [namespace_, line] : it->second) result += line.size();
  }
  if (it == lines_.end() || it->first != mine.priority) return result;
  const auto own = it->second.find(mine.namespace_);
  const size_t own_place =
      own == it->second.end()
          ? 0
          : static_cast<size_t>(std::ranges::lower_bound(own->second, &mine, older) - own->second.begin());
  const size_t round = share(mine.namespace_, mine.priority) + own_place;
  for (const auto& [namespace_, line] : it->second) {
    if (namespace_ == mine.namespace_) {
      result += own_place;
      continue;
    }
    const size_t base = share(namespace_, mine.priority);
    if (base > round) continue;
    const size_t earlier_rounds = std::min(round - base, line.size());
    result += earlier_rounds;
    if (earlier_rounds < line.size() && older(line[earlier_rounds], &mine)) ++result;
  }
  return result;
}

size_t Queue::before(const api::VideoJob& job) const { return before(ticket_of(job)); }

std::string Queue::pod_for(const api::VideoJob& job, const std::vector<std::string>& free_pods) const {
  if (const auto own = reserved_.find(job.metadata.uid); own != reserved_.end()) {
    return std::ranges::find(free_pods, own->second) == free_pods.end() ? "" : own->second;
  }
  size_t place = std::numeric_limits<size_t>::max();
  for (const std::string& pod : free_pods) {
    if (held(pod)) continue;
    if (place == std::numeric_limits<size_t>::max()) place = before(job);
    if (place == 0) return pod;
    --place;
  }
  return "";
}

std::vector<const Ticket*> Queue::first(size_t limit) const {
  std::vector<const Ticket*> result;
  for (const auto& [priority, lines] : lines_) {
    if (result.size() >= limit) break;
    std::vector<Standing> standing;
    for (const auto& [namespace_, line] : lines) {
      size_t round = share(namespace_, priority);
      const size_t count = std::min(limit - result.size(), line.size());
      for (size_t i = 0; i < count; ++i) standing.push_back({round++, line[i]});
    }
    std::ranges::sort(standing, goes_first);
    if (standing.size() > limit - result.size()) standing.resize(limit - result.size());
    for (const Standing& one : standing) result.push_back(one.ticket);
  }
  return result;
}

void Queue::told(const std::string& job_uid, size_t rounded) {
  const auto it = tickets_.find(job_uid);
  if (it != tickets_.end() && it->second.in_line) told_[job_uid] = rounded;
}

std::vector<const Ticket*> Queue::told_wrong() const {
  std::vector<const Ticket*> result;
  size_t place = 0;
  for (const Ticket* ticket : first(waiting_)) {
    const auto told = told_.find(ticket->uid);
    if (told == told_.end() || told->second != rounded_place(place)) result.push_back(ticket);
    ++place;
  }
  return result;
}

void Queue::learn(double seconds) {
  if (seconds <= 0) return;
  usual_seconds_ = usual_seconds_ ? 0.8 * *usual_seconds_ + 0.2 * seconds : seconds;
}

// Whole rounds of all replicas, and half of the one that goes on now.
std::optional<int64_t> Queue::seconds_until_turn(size_t before, size_t replicas) const {
  if (!usual_seconds_ || replicas == 0) return std::nullopt;
  const double rounds = static_cast<double>(before) / static_cast<double>(replicas) + 0.5;
  return static_cast<int64_t>(std::ceil(rounds * *usual_seconds_));
}

}  // namespace wan::reconcile::video_job
