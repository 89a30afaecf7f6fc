#pragma once
// Keys that wait to be reconciled. Pure: time comes from a Clock, nothing waits in here.
//
// A key is in at most one of three conditions: waiting (listed once in `ready_` or `delayed_`), in work, or
// in work and dirty (it changed meanwhile and waits again as soon as the work is done). So one key is never
// with two workers, and no change is lost.

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "operator/cache/key.h"

namespace wan::controller {

using cache::Key;

struct RetrySettings {
  std::chrono::milliseconds first{5};  // doubled with every failure in a row
  std::chrono::milliseconds cap{1'000'000};
};

class WorkQueue {
 public:
  explicit WorkQueue(const Clock& clock, RetrySettings retry = {}) : clock_(clock), retry_(retry) {}

  // As soon as possible; also ends a delay.
  void add(const Key& key);
  // Not before `delay` has passed; of several, the earliest counts.
  void add_after(const Key& key, std::chrono::milliseconds delay);
  // After a failure: 5 ms, 10 ms, 20 ms ... of this key.
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
  [[nodiscard]] size_t in_work() const { return processing_.size(); }

 private:
  void release_due();

  const Clock& clock_;
  RetrySettings retry_;
  std::deque<Key> ready_;     // every element is in dirty_ and not in processing_
  std::set<Key> dirty_;       // to be worked on, now or after the work that is going on
  std::set<Key> processing_;  // taken and not yet done
  std::map<Key, SteadyTime> delayed_;
  std::map<Key, int> failures_;
};

}  // namespace wan::controller
