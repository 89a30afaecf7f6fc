#include "operator/controller/work_queue.h"

#include <algorithm>

#include "base/result.h"

namespace wan::controller {

void WorkQueue::add(const Key& key) {
  delayed_.erase(key);
  if (!dirty_.insert(key).second) return;
  if (!processing_.contains(key)) ready_.push_back(key);
}

void WorkQueue::add_after(const Key& key, std::chrono::milliseconds delay) {
  if (delay.count() <= 0) return add(key);
  if (dirty_.contains(key)) return;
  const SteadyTime due = clock_.steady() + delay;
  const auto [it, added] = delayed_.emplace(key, due);
  if (!added) it->second = std::min(it->second, due);
}

void WorkQueue::add_rate_limited(const Key& key) {
  const int failures = failures_[key]++;
  auto delay = retry_.first;
  for (int i = 0; i < failures && delay < retry_.cap; ++i) delay *= 2;
  add_after(key, std::min(delay, retry_.cap));
}

int WorkQueue::failures(const Key& key) const {
  const auto it = failures_.find(key);
  return it == failures_.end() ? 0 : it->second;
}

void WorkQueue::release_due() {
  const SteadyTime now = clock_.steady();
  std::vector<std::pair<SteadyTime, Key>> due;
  for (const auto& [key, time] : delayed_) {
    if (time <= now) due.emplace_back(time, key);
  }
  std::ranges::sort(due);
  for (const auto& [time, key] : due) add(key);
}

std::optional<Key> WorkQueue::take() {
  release_due();
  if (ready_.empty()) return std::nullopt;
  Key key = std::move(ready_.front());
  ready_.pop_front();
  dirty_.erase(key);
  processing_.insert(key);
  return key;
}

void WorkQueue::done(const Key& key) {
  WAN_CHECK(processing_.erase(key) == 1);
  if (dirty_.contains(key)) ready_.push_back(key);
}

std::optional<SteadyTime> WorkQueue::next_due() const {
  std::optional<SteadyTime> earliest;
  for (const auto& [key, time] : delayed_) {
    if (!earliest || time < *earliest) earliest = time;
  }
  return earliest;
}

}  // namespace wan::controller
