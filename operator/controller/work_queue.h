#pragma once
// Keys that wait to be reconciled. Pure: time comes from a Clock, nothing waits in here.
//
// A key is in at most one of three conditions: waiting (listed once in `ready_` or `delayed_`), in work, or
// in work and dirty (it changed meanwhile and waits again as soon as the work is done). So one key is never
// with two workers, and no change is lost. Of the keys that are ready, the highest priority goes first, and
// of one priority the one that waits longest.

#include <map>
#include <optional>

#include "base/clock.h"
#include "operator/cache/key.h"
#include "operator/controller/retry_limits.h"

namespace wan::controller {

using cache::Key;

class QueueMetrics;

// The numbers are those that dashboards of controller-runtime know.
enum class Priority : int {
  kLow = -100,  // everything that exists, at the start
  kNormal = 0,  // something around the object has changed
  kHigh = 100,  // a user has changed the object and looks at it
};

class WorkQueue {
 public:
  explicit WorkQueue(const Clock& clock, RetrySettings retry = {}, QueueMetrics* metrics = nullptr);

  // As soon as possible; also ends a delay. A key that waits already can only rise in priority.
  void add(const Key& key, Priority priority = Priority::kNormal);
  // Not before `delay` has passed; of several, the earliest counts.
  void add_after(const Key& key, std::chrono::milliseconds delay, Priority priority = Priority::kNormal);
  // After a failure, while the key is in work: 5 ms, 10 ms, 20 ms ... of this key, later if too many keys
  // fail, with the priority that it was taken with.
  void add_rate_limited(const Key& key);
  // Ends the row of failures.
  void forget(const Key& key) { failures_.erase(key); }
  [[nodiscard]] int failures(const Key& key) const;

  // The next key to work on, if one is due; it must be given back with done().
  [[nodiscard]] std::optional<Key> take();
  void done(const Key& key);

  // When the earliest delay ends; nothing if none is running.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;
  [[nodiscard]] size_t depth() const { return ready_.size() + delayed_.size(); }
  [[nodiscard]] size_t ready(Priority priority) const;
  [[nodiscard]] size_t in_work() const { return processing_.size(); }
  // Of the keys in work: how long all of them together, and the longest, have been at it.
  struct WorkTimes {
    SteadyTime::duration sum{};
    SteadyTime::duration longest{};
  };
  [[nodiscard]] WorkTimes work_times() const;

 private:
  struct Waiting {
    Priority priority = Priority::kNormal;
    uint64_t order = 0;
    SteadyTime since{};
  };
  struct Work {
    Priority priority = Priority::kNormal;
    SteadyTime since{};
  };
  using Due = std::multimap<SteadyTime, const Key*>;
  struct Delay {
    Due::iterator due;
    Priority priority = Priority::kNormal;
  };
  // -priority, order
  using Place = std::pair<int, uint64_t>;
  [[nodiscard]] static Place place(const Waiting& waiting) {
    return {-static_cast<int>(waiting.priority), waiting.order};
  }
  void release_due();
  void end_delay(std::map<Key, Delay>::iterator delay);

  const Clock& clock_;
  RetrySettings retry_;
  RetryBucket bucket_;
  QueueMetrics* metrics_;
  uint64_t next_order_ = 0;
  std::map<Key, Waiting> dirty_;       // to be worked on, now or after the work that is going on
  std::map<Place, const Key*> ready_;  // keys of dirty_ that are not in processing_
  std::map<Key, Work> processing_;     // taken and not yet done
  std::map<Key, Delay> delayed_;
  Due due_;  // of the keys of delayed_
  std::map<Key, int> failures_;
};

}  // namespace wan::controller
