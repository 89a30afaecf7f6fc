#pragma once
// Whose turn it is at one WanDeployment: priority, then fair share between namespaces, then age.
//
// The queue is kept up to date job by job and never walked to answer for one: thousands of waiting jobs cost
// each other nothing. Fair share: of one priority, the n-th waiting job of a namespace that holds s replicas
// stands in round s + n; lower rounds go first, within a round the oldest.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator/api/pod.h"
#include "operator/api/runtime_view.h"
#include "operator/api/video_job.h"

namespace wan::reconcile::video_job {

// What of a VideoJob counts here.
struct Ticket {
  std::string uid;
  std::string namespace_;
  std::string name;
  int priority = 0;
  std::optional<WallTime> created;
  bool in_line = false;  // waits for a replica and for nothing else
  std::string pod_uid;   // the pod that it holds: assigned, or reserved for it

  bool operator==(const Ticket&) const = default;
};

// What the queue says of one job.
struct Turn {
  std::string pod_uid;             // the free pod that it may take now; "" while it is not its turn
  size_t before = 0;               // waiting jobs that go first, rounded up: see rounded_place()
  std::optional<int64_t> seconds;  // until its turn, a guess from what jobs took lately
  bool replica_ready = false;      // at least one replica can make videos

  bool operator==(const Turn&) const = default;
};

// Waits for a replica and for nothing else.
[[nodiscard]] bool stands_in_line(const api::VideoJob& job);

// Up to 4 as it is, else the next power of two: a place that is told in a status must not change with each
// job that ends.
[[nodiscard]] size_t rounded_place(size_t before);

// Whether the pod can make a video: ready, neither ending nor drained, its runtime reachable.
[[nodiscard]] bool can_make_videos(const api::Pod& pod, const api::RuntimeView* view);
// The same, and it works on nothing.
[[nodiscard]] bool is_free(const api::Pod& pod, const api::RuntimeView* view);

class Queue {
 public:
  // The job as it is now, finished or not.
  void put(const api::VideoJob& job);
  void remove(const std::string& job_uid);

  // An assignment that is being written: until put() shows it, the pod is given to nobody else and the job
  // to no other pod. Without this a job that jumps the queue could be given the pod of one whose assignment
  // has not come back yet.
  void reserve(const api::VideoJob& job, const std::string& pod_uid);
  // The job does not take the pod after all. Nothing happens if it has none reserved.
  void withdraw(const api::VideoJob& job);

  // `free_pods`: UIDs of the pods that is_free() says, in a fixed order. The n-th job in line takes the n-th
  // that is not held, so that answers for several jobs never name one pod twice.
  [[nodiscard]] std::string pod_for(const api::VideoJob& job,
                                    const std::vector<std::string>& free_pods) const;
  // How many waiting jobs go before this one, as if it stood in line.
  [[nodiscard]] size_t before(const api::VideoJob& job) const;
  // The first `limit` in line.
  [[nodiscard]] std::vector<const Ticket*> first(size_t limit) const;

  // What a job's status says of its place, and those in line of whom that is not true any more.
  void told(const std::string& job_uid, size_t rounded);
  [[nodiscard]] std::vector<const Ticket*> told_wrong() const;

  // A job has taken that many seconds of a replica's time; counts for guesses.
  void learn(double seconds);
  [[nodiscard]] std::optional<int64_t> seconds_until_turn(size_t before, size_t replicas) const;

  [[nodiscard]] bool held(const std::string& pod_uid) const { return holders_.contains(pod_uid); }
  [[nodiscard]] size_t waiting() const { return waiting_; }
  [[nodiscard]] bool empty() const { return tickets_.empty(); }

 private:
  using Line = std::vector<const Ticket*>;    // of one priority and namespace, oldest first
  using Lines = std::map<std::string, Line>;  // by namespace
  void link(const Ticket& ticket);
  void unlink(const Ticket& ticket);
  [[nodiscard]] Ticket ticket_of(const api::VideoJob& job) const;
  [[nodiscard]] size_t share(const std::string& namespace_, int priority) const;
  [[nodiscard]] size_t before(const Ticket& mine) const;

  std::unordered_map<std::string, Ticket> tickets_;        // by job UID; unfinished jobs
  std::unordered_map<std::string, std::string> reserved_;  // pod by job UID
  std::unordered_map<std::string, size_t> told_;           // by job UID, of those in line
  std::map<int, Lines, std::greater<>> lines_;
  std::map<std::string, std::set<std::string>> holders_;  // job UIDs by pod UID
  std::map<std::string, size_t> shares_;                  // pods held, by namespace
  size_t waiting_ = 0;
  std::optional<double> usual_seconds_;
};

}  // namespace wan::reconcile::video_job
