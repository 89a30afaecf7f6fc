#include "operator/controller/work_queue.h"

#include <algorithm>

#include "base/result.h"
#include "operator/controller/queue_metrics.h"

namespace wan::controller {

WorkQueue::WorkQueue(const Clock& clock, RetrySettings retry, QueueMetrics* metrics)
    : clock_(clock), retry_(retry), bucket_(retry), metrics_(metrics) {}

void WorkQueue::add(const Key& key, Priority priority) {
  if (const auto delayed = delayed_.find(key); delayed != delayed_.end()) {
    priority = std::max(priority, delayed->second.priority);
    end_delay(delayed);
  }
  const auto [it, added] = dirty_.try_emplace(key, Waiting{priority, next_order_, clock_.steady()});
  Waiting& waiting = it->second;
  const bool in_work = processing_.contains(key);
  if (added) {
    ++next_order_;
    if (metrics_ != nullptr) metrics_->added();
    if (!in_work) ready_.emplace(place(waiting), &it->first);
    return;
  }
  if (priority <= waiting.priority) return;
  if (!in_work) ready_.erase(place(waiting));
  waiting.priority = priority;
  waiting.order = next_order_++;
  if (!in_work) ready_.emplace(place(waiting), &it->first);
}

void WorkQueue::add_after(const Key& key, std::chrono::milliseconds delay, Priority priority) {
  if (delay.count() <= 0) return add(key, priority);
  if (dirty_.contains(key)) return;
  SteadyTime when = clock_.steady() + delay;
  if (const auto before = delayed_.find(key); before != delayed_.end()) {
    when = std::min(when, before->second.due->first);
    priority = std::max(priority, before->second.priority);
    end_delay(before);
  }
  const auto it = delayed_.try_emplace(key).first;
  it->second = Delay{due_.emplace(when, &it->first), priority};
}

void WorkQueue::end_delay(std::map<Key, Delay>::iterator delay) {
  due_.erase(delay->second.due);
  delayed_.erase(delay);
}

void WorkQueue::add_rate_limited(const Key& key) {
  const int failures = failures_[key]++;
  auto delay = retry_.first;
  for (int i = 0; i < failures && delay < retry_.cap; ++i) delay *= 2;
  delay = std::max(std::min(delay, retry_.cap), bucket_.reserve(clock_.steady()));
  const auto work = processing_.find(key);
  add_after(key, delay, work == processing_.end() ? Priority::kNormal : work->second.priority);
  if (metrics_ != nullptr) metrics_->retried();
}

int WorkQueue::failures(const Key& key) const {
  const auto it = failures_.find(key);
  return it == failures_.end() ? 0 : it->second;
}

void WorkQueue::release_due() {
  const SteadyTime now = clock_.steady();
  while (!due_.empty() && due_.begin()->first <= now) {
    const Key key = *due_.begin()->second;
    add(key, Priority::kLow);  // rises to that of the delay
  }
}

std::optional<Key> WorkQueue::take() {
  release_due();
  if (ready_.empty()) return std::nullopt;
  Key key = *ready_.begin()->second;
  ready_.erase(ready_.begin());
  const auto it = dirty_.find(key);
  const SteadyTime now = clock_.steady();
  if (metrics_ != nullptr) metrics_->taken(now - it->second.since);
  processing_.emplace(key, Work{it->second.priority, now});
  dirty_.erase(it);
  return key;
}

void WorkQueue::done(const Key& key) {
  const auto work = processing_.find(key);
  WAN_CHECK(work != processing_.end());
  if (metrics_ != nullptr) metrics_->done(clock_.steady() - work->second.since);
  processing_.erase(work);
  if (const auto it = dirty_.find(key); it != dirty_.end()) ready_.emplace(place(it->second), &it->first);
}

std::optional<SteadyTime> WorkQueue::next_due() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

size_t WorkQueue::ready(Priority priority) const {
  const int first = -static_cast<int>(priority);
  return static_cast<size_t>(
      std::distance(ready_.lower_bound(Place{first, 0}), ready_.lower_bound(Place{first + 1, 0})));
}

WorkQueue::WorkTimes WorkQueue::work_times() const {
  WorkTimes times;
  const SteadyTime now = clock_.steady();
  for (const auto& [key, work] : processing_) {
    times.sum += now - work.since;
    times.longest = std::max(times.longest, now - work.since);
  }
  return times;
}

}  // namespace wan::controller
