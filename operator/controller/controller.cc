#include "operator/controller/controller.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace wan::controller {
namespace {

constexpr std::chrono::steady_clock::duration kLongest = std::chrono::minutes(1);

}  // namespace

Controller::Controller(asio::any_io_executor executor, const Clock& clock, ControllerSettings settings,
                       Reconcile reconcile)
    : clock_(clock),
      settings_(std::move(settings)),
      reconcile_(std::move(reconcile)),
      queue_(clock, settings_.retry),
      wake_(executor),
      tasks_(executor) {}

void Controller::enqueue(const Key& key) {
  queue_.add(key);
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
  Result<Outcome> outcome = fail(internal_error("the reconcile ended by an exception"));
  try {
    outcome = co_await reconcile_(key);
  } catch (const std::exception& e) {
    outcome = fail(internal_error(std::string("exception: ") + e.what()));
  }
  settle(key, outcome);
  queue_.done(key);
  wake_.notify();
}

void Controller::settle(const Key& key, const Result<Outcome>& outcome) {
  if (outcome) {
    queue_.forget(key);
    if (!outcome->requeue_after) {
      ++counters_.succeeded;
      return;
    }
    ++counters_.requeued_after;
    queue_.add_after(key, *outcome->requeue_after);
    return;
  }
  const Error& error = outcome.error();
  if (error.code == ErrorCode::kCancelled) return;
  if (error.code == ErrorCode::kInvalidArgument) {
    ++counters_.terminal;
    log::error("{} {}: {}; waiting for a change", settings_.name, cache::to_string(key), error.message);
    queue_.forget(key);
    queue_.add_after(key, settings_.terminal_retry);
    return;
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
}

}  // namespace wan::controller
