#include "operator/controller/controller.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace wan::controller {
namespace {

constexpr std::chrono::steady_clock::duration kLongest = std::chrono::minutes(1);

std::optional<QueueMetrics> queue_metrics(const ControllerSettings& settings) {
  if (settings.metrics == nullptr) return std::nullopt;
  return std::optional<QueueMetrics>(std::in_place, *settings.metrics, settings.name);
}

std::optional<ReconcileMetrics> reconcile_metrics(const ControllerSettings& settings) {
  if (settings.metrics == nullptr) return std::nullopt;
  return std::optional<ReconcileMetrics>(std::in_place, *settings.metrics, settings.name, settings.workers);
}

}  // namespace

Controller::Controller(asio::any_io_executor executor, const Clock& clock, ControllerSettings settings,
                       Reconcile reconcile)
    : clock_(clock),
      settings_(std::move(settings)),
      reconcile_(std::move(reconcile)),
      queue_metrics_(queue_metrics(settings_)),
      reconcile_metrics_(reconcile_metrics(settings_)),
      queue_(clock, settings_.retry, queue_metrics_ ? &*queue_metrics_ : nullptr),
      wake_(executor),
      tasks_(executor) {
  if (queue_metrics_) settings_.metrics->before_text([this] { queue_metrics_->refresh(queue_); });
}

void Controller::enqueue(const Key& key, Priority priority) {
  queue_.add(key, priority);
  wake_.notify();
}

void Controller::enqueue_after(const Key& key, std::chrono::milliseconds delay) {
  queue_.add_after(key, delay);
  wake_.notify();
}

Task<void> Controller::run() {
  while (!stopping_) {
    while (queue_.in_work() < static_cast<size_t>(settings_.workers)) {
      std::optional<Key> key = queue_.take();
      if (!key) break;
      tasks_.spawn(settings_.name + " " + cache::to_string(*key), work(*key));
    }
    const auto due = queue_.next_due();
    const auto wait =
        due ? std::clamp(*due - clock_.steady(), SteadyTime::duration::zero(), kLongest) : kLongest;
    const auto woken = co_await wake_.wait(wait);
    if (!woken) break;
  }
  co_await tasks_.join();
}

void Controller::stop() {
  stopping_ = true;
  wake_.notify();
}

void Controller::cancel() {
  stop();
  tasks_.cancel();
}

Task<void> Controller::work(Key key) {
  const SteadyTime begun = clock_.steady();
  if (reconcile_metrics_) reconcile_metrics_->begun();
  Result<Outcome> outcome = Outcome();
  bool thrown = false;
  try {
    outcome = co_await reconcile_(key);
  } catch (const std::exception& e) {
    thrown = true;
    outcome = fail(internal_error(std::string("exception: ") + e.what()));
  }
  const ReconcileResult result = settle(key, outcome);
  if (reconcile_metrics_) {
    reconcile_metrics_->ended(thrown ? ReconcileResult::kPanic : result, clock_.steady() - begun);
  }
  queue_.done(key);
  wake_.notify();
}

ReconcileResult Controller::settle(const Key& key, const Result<Outcome>& outcome) {
  if (outcome) {
    queue_.forget(key);
    if (!outcome->requeue_after) {
      ++counters_.succeeded;
      return ReconcileResult::kSuccess;
    }
    ++counters_.requeued_after;
    queue_.add_after(key, *outcome->requeue_after);
    return ReconcileResult::kRequeueAfter;
  }
  const Error& error = outcome.error();
  if (error.code == ErrorCode::kCancelled) return ReconcileResult::kError;
  if (error.code == ErrorCode::kInvalidArgument) {
    ++counters_.terminal;
    log::error("{} {}: {}; waiting for a change", settings_.name, cache::to_string(key), error.message);
    queue_.forget(key);
    queue_.add_after(key, settings_.terminal_retry);
    return ReconcileResult::kTerminal;
  }
  ++counters_.failed;
  queue_.add_rate_limited(key);
  // A conflict means that somebody else wrote first: ordinary, and over with the next look.
  if (error.code == ErrorCode::kConflict) {
    log::debug("{} {}: {}", settings_.name, cache::to_string(key), error.message);
  } else {
    log::warn("{} {}: {}; trying again (failure {})", settings_.name, cache::to_string(key), error.message,
              queue_.failures(key));
  }
  return ReconcileResult::kError;
}

}  // namespace wan::controller
