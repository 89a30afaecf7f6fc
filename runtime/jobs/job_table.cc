#include "runtime/jobs/job_table.h"

#include <algorithm>
#include <utility>

#include "base/crypto/capability.h"

namespace wan::jobs {
namespace {

std::optional<SteadyTime> deadline_of(const Entry& entry) {
  if (entry.request.active_deadline_seconds <= 0 || is_finished(entry.state.phase)) return std::nullopt;
  return entry.accepted_at + std::chrono::seconds(entry.request.active_deadline_seconds);
}

JobState initial_state(const JobRequest& request, pipeline::ResolvedGeneration resolved) {
  JobState state;
  state.uid = request.uid;
  state.namespace_ = request.namespace_;
  state.name = request.name;
  state.attempt = request.attempt;
  state.epoch = request.epoch;
  state.resolved = std::move(resolved);
  return state;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kWrongPod: return "WrongPod";
    case Refusal::kWrongJob: return "WrongJob";
    case Refusal::kStaleEpoch: return "StaleEpoch";
    case Refusal::kStaleAttempt: return "StaleAttempt";
    case Refusal::kStillRunning: return "StillRunning";
    case Refusal::kInvalid: return "Invalid";
    case Refusal::kQueueFull: return "QueueFull";
  }
  return "Invalid";
}

std::optional<Refused> JobTable::refuse(const JobRequest& request) const {
  if (!settings_.pod_uid.empty() && request.pod_uid != settings_.pod_uid) {
    return Refused{Refusal::kWrongPod,
                   "podUID is \"" + request.pod_uid + "\"; this pod is " + settings_.pod_uid};
  }
  if (!settings_.only_job_uid.empty() && request.uid != settings_.only_job_uid) {
    return Refused{Refusal::kWrongJob, "this pod serves only the job " + settings_.only_job_uid};
  }
  if (epoch_less(request.epoch, highest_epoch_)) {
    return Refused{Refusal::kStaleEpoch, "epoch " + request.epoch + " is older than " + highest_epoch_ +
                                             ", which this pod has seen"};
  }
  const Entry* known = find(request.uid);
  if (known == nullptr) {
    if (unfinished() < settings_.max_unfinished) return std::nullopt;
    return Refused{Refusal::kQueueFull, std::to_string(settings_.max_unfinished) +
                                            " jobs are waiting here already; try another pod"};
  }
  if (request.attempt < known->state.attempt) {
    return Refused{Refusal::kStaleAttempt, "attempt " + std::to_string(request.attempt) +
                                               " is older than attempt " +
                                               std::to_string(known->state.attempt)};
  }
  if (request.attempt > known->state.attempt && !is_finished(known->state.phase)) {
    return Refused{Refusal::kStillRunning,
                   "attempt " + std::to_string(known->state.attempt) + " has not ended yet; cancel it first"};
  }
  return std::nullopt;
}

std::expected<Resolution, Refused> resolve(const JobRequest& request, const pipeline::ModelInfo& model) {
  auto resolved = pipeline::resolve(request.spec, model.defaults, request.namespace_, request.name);
  if (!resolved) return std::unexpected(Refused{Refusal::kInvalid, resolved.error().message});
  resolved->precision = model.precision;
  auto hash = job_hash(*resolved, model.digest);
  if (!hash) return std::unexpected(Refused{Refusal::kInvalid, hash.error().message});
  return Resolution{*std::move(resolved), *std::move(hash)};
}

std::expected<Accepted, Refused> JobTable::put(const JobRequest& request, const pipeline::ModelInfo& model,
                                               SteadyTime now) {
  if (auto refused = refuse(request)) return std::unexpected(*std::move(refused));
  highest_epoch_ = request.epoch;
  if (const auto known = by_uid_.find(request.uid); known != by_uid_.end()) {
    Entry& entry = *known->second;
    if (entry.state.attempt == request.attempt) {
      entry.request.artifact.token = request.artifact.token;
      entry.state.epoch = request.epoch;
      return Accepted{entry.state, false};
    }
  }
  auto resolution = resolve(request, model);
  if (!resolution) return std::unexpected(std::move(resolution).error());
  if (const auto known = by_uid_.find(request.uid); known != by_uid_.end()) {
    entries_.erase(known->second);
    by_uid_.erase(known);
  }
  deadline_reported_.erase(request.uid);
  Entry& entry = entries_.emplace_back();
  entry.request = request;
  entry.state = initial_state(request, std::move(resolution->resolved));
  entry.state.job_hash = std::move(resolution->job_hash);
  entry.accepted_at = now;
  by_uid_[request.uid] = std::prev(entries_.end());
  touch(entry, true);
  forget_old();
  return Accepted{entry.state, true};
}

std::optional<Entry> JobTable::start_next(SteadyTime now) {
  if (generating_) return std::nullopt;
  for (Entry& entry : entries_) {
    if (entry.state.phase != Phase::kQueued) continue;
    generating_ = {entry.state.uid, entry.state.attempt};
    entry.state.phase = Phase::kRunning;
    entry.started_at = now;
    entry.state.timings["queued"] = std::chrono::duration<double>(now - entry.accepted_at).count();
    touch(entry, true);
    return entry;
  }
  return std::nullopt;
}

std::optional<Refused> JobTable::refuse_cancel(const std::string& uid, int attempt,
                                               const std::string& epoch) const {
  if (!epoch.empty() && epoch_less(epoch, highest_epoch_)) {
    return Refused{Refusal::kStaleEpoch,
                   "epoch " + epoch + " is older than " + highest_epoch_ + ", which this pod has seen"};
  }
  const Entry* entry = find(uid);
  if (entry == nullptr || attempt == 0 || attempt >= entry->state.attempt) return std::nullopt;
  return Refused{Refusal::kStaleAttempt, "attempt " + std::to_string(attempt) + " is older than attempt " +
                                             std::to_string(entry->state.attempt) + ", which is not touched"};
}

bool JobTable::request_cancel(const std::string& uid) {
  const auto known = by_uid_.find(uid);
  if (known == by_uid_.end()) return false;
  Entry& entry = *known->second;
  entry.cancel_requested = true;
  if (entry.state.phase == Phase::kQueued) finish(entry, Phase::kCancelled);
  return true;
}

void JobTable::fail_queued(const JobError& error) {
  for (Entry& entry : entries_) {
    if (entry.state.phase != Phase::kQueued) continue;
    entry.state.error = error;
    finish(entry, Phase::kFailed);
  }
}

void JobTable::report_progress(const std::string& uid, int attempt, const Progress& progress) {
  Entry* entry = current(uid, attempt);
  if (entry == nullptr || entry->state.phase != Phase::kRunning) return;
  const bool phase_changed = !entry->state.progress || entry->state.progress->phase != progress.phase;
  entry->state.progress = progress;
  if (progress.phase == "Denoise") {
    entry->state.step = static_cast<int>(progress.done);
    entry->state.steps = static_cast<int>(progress.total);
  }
  touch(*entry, phase_changed);
}

void JobTable::generation_ended(const std::string& uid, int attempt) {
  if (generating_ == std::pair(uid, attempt)) generating_.reset();
}

void JobTable::succeed(const std::string& uid, int attempt, Json result, Json timings) {
  Entry* entry = current(uid, attempt);
  if (entry == nullptr) return;
  entry->state.result = std::move(result);
  entry->state.timings.update(timings);
  finish(*entry, Phase::kSucceeded);
}

void JobTable::fail_job(const std::string& uid, int attempt, JobError error) {
  Entry* entry = current(uid, attempt);
  if (entry == nullptr) return;
  entry->state.error = std::move(error);
  finish(*entry, Phase::kFailed);
}

void JobTable::cancel_confirmed(const std::string& uid, int attempt) {
  if (Entry* entry = current(uid, attempt)) finish(*entry, Phase::kCancelled);
}

std::vector<std::string> JobTable::take_expired(SteadyTime now) {
  std::vector<std::string> expired;
  for (const Entry& entry : entries_) {
    const auto deadline = deadline_of(entry);
    if (!deadline || now < *deadline || deadline_reported_.contains(entry.state.uid)) continue;
    deadline_reported_[entry.state.uid] = true;
    expired.push_back(entry.state.uid);
  }
  return expired;
}

std::optional<SteadyTime> JobTable::next_deadline() const {
  std::optional<SteadyTime> next;
  for (const Entry& entry : entries_) {
    const auto deadline = deadline_of(entry);
    if (!deadline || deadline_reported_.contains(entry.state.uid)) continue;
    if (!next || *deadline < *next) next = deadline;
  }
  return next;
}

const Entry* JobTable::find(const std::string& uid) const {
  const auto known = by_uid_.find(uid);
  return known == by_uid_.end() ? nullptr : &*known->second;
}

const Entry* JobTable::find_unfinished(const std::string& uid, int attempt) const {
  const Entry* entry = find(uid);
  const bool is_it = entry && entry->state.attempt == attempt && !is_finished(entry->state.phase);
  return is_it ? entry : nullptr;
}

std::vector<const Entry*> JobTable::in_order() const {
  std::vector<const Entry*> all;
  all.reserve(entries_.size());
  for (const Entry& entry : entries_) all.push_back(&entry);
  return all;
}

size_t JobTable::unfinished() const {
  return static_cast<size_t>(std::count_if(
      entries_.begin(), entries_.end(), [](const Entry& entry) { return !is_finished(entry.state.phase); }));
}

Entry* JobTable::current(const std::string& uid, int attempt) {
  const auto known = by_uid_.find(uid);
  if (known == by_uid_.end()) return nullptr;
  Entry& entry = *known->second;
  return entry.state.attempt == attempt && !is_finished(entry.state.phase) ? &entry : nullptr;
}

void JobTable::touch(Entry& entry, bool phase_changed) {
  entry.revision = ++revision_;
  if (phase_changed) entry.phase_revision = revision_;
}

void JobTable::finish(Entry& entry, Phase phase) {
  entry.state.phase = phase;
  entry.state.progress.reset();
  touch(entry, true);
}

void JobTable::forget_old() {
  size_t finished = entries_.size() - unfinished();
  for (auto entry = entries_.begin(); entry != entries_.end() && finished > settings_.max_finished;) {
    if (!is_finished(entry->state.phase)) {
      ++entry;
      continue;
    }
    by_uid_.erase(entry->state.uid);
    deadline_reported_.erase(entry->state.uid);
    entry = entries_.erase(entry);
    --finished;
  }
}

}  // namespace wan::jobs
