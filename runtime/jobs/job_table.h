#pragma once
// The jobs of one pod and the rules of accepting them. Pure: no threads, no I/O, time comes in as a value.
// Invariant: at most one job is running inference; jobs start in the order in which they were accepted.

#include <cstdint>
#include <expected>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runtime/jobs/job_request.h"
#include "runtime/jobs/job_state.h"
#include "runtime/pipeline/generator.h"

namespace wan::jobs {

// Why a request was refused. The reasons are part of the API.
enum class Refusal { kWrongPod, kWrongJob, kStaleEpoch, kStaleAttempt, kStillRunning, kInvalid, kQueueFull };

[[nodiscard]] std::string_view to_string(Refusal refusal);

struct Refused {
  Refusal refusal;
  std::string message;
};

struct TableSettings {
  std::string pod_uid;       // "": any (local use)
  std::string only_job_uid;  // set in a one-shot pod
  size_t max_unfinished = 64;
  size_t max_finished = 256;  // older finished ones are forgotten
};

struct Accepted {
  JobState state;
  bool created = false;  // false: this attempt was known
};

// What would be made of a request, without making it.
struct Resolution {
  pipeline::ResolvedGeneration resolved;
  std::string job_hash;
};

struct Entry {
  JobRequest request;
  JobState state;
  bool cancel_requested = false;
  SteadyTime accepted_at{};
  std::optional<SteadyTime> started_at;
  uint64_t revision = 0;        // of the last change of any kind
  uint64_t phase_revision = 0;  // of the last change of phase
};

// Refusal::kInvalid or what the model makes of the request.
[[nodiscard]] std::expected<Resolution, Refused> resolve(const JobRequest& request,
                                                         const pipeline::ModelInfo& model);

class JobTable {
 public:
  explicit JobTable(TableSettings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] std::expected<Accepted, Refused> put(const JobRequest& request,
                                                     const pipeline::ModelInfo& model, SteadyTime now);
  // The first accepted job that waits, now Running; nothing while one is generating.
  [[nodiscard]] std::optional<Entry> start_next(SteadyTime now);
  // Whether a cancel meant for this attempt, by the leader of this epoch, comes too late to count. An attempt
  // of 0 or an epoch of "" is not compared.
  [[nodiscard]] std::optional<Refused> refuse_cancel(const std::string& uid, int attempt,
                                                     const std::string& epoch) const;
  // false: no such job. A queued job is Cancelled at once; a running one when its work has stopped.
  bool request_cancel(const std::string& uid);
  // Every job that waits ends as Failed with this error.
  void fail_queued(const JobError& error);
  void report_progress(const std::string& uid, int attempt, const Progress& progress);
  // The inference of this attempt has ended (the upload may follow): another job may start.
  void generation_ended(const std::string& uid, int attempt);
  void succeed(const std::string& uid, int attempt, Json result, Json timings);
  void fail_job(const std::string& uid, int attempt, JobError error);
  void cancel_confirmed(const std::string& uid, int attempt);
  // Unfinished jobs past their deadline, each reported once.
  [[nodiscard]] std::vector<std::string> take_expired(SteadyTime now);
  [[nodiscard]] std::optional<SteadyTime> next_deadline() const;

  [[nodiscard]] const Entry* find(const std::string& uid) const;
  // The same, but nothing if another attempt took its place or the job has ended.
  [[nodiscard]] const Entry* find_unfinished(const std::string& uid, int attempt) const;
  [[nodiscard]] std::vector<const Entry*> in_order() const;  // as accepted
  [[nodiscard]] size_t unfinished() const;
  [[nodiscard]] uint64_t revision() const { return revision_; }

 private:
  [[nodiscard]] std::optional<Refused> refuse(const JobRequest& request) const;
  Entry* current(const std::string& uid, int attempt);  // nothing for another attempt or a finished one
  void touch(Entry& entry, bool phase_changed);
  void finish(Entry& entry, Phase phase);
  void forget_old();

  TableSettings settings_;
  std::list<Entry> entries_;  // in order of acceptance
  std::map<std::string, std::list<Entry>::iterator> by_uid_;
  std::map<std::string, bool> deadline_reported_;
  std::string highest_epoch_;
  std::optional<std::pair<std::string, int>> generating_;  // uid and attempt; none: the thread is free
  uint64_t revision_ = 0;
};

}  // namespace wan::jobs
