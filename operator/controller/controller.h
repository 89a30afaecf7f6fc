#pragma once
// The loop of one kind: takes keys from its queue, reconciles up to `workers` of them at a time (never one
// key twice at once), and decides from the outcome when each is looked at again.

#include <functional>
#include <string>

#include "base/async/notify.h"
#include "base/async/task_group.h"
#include "operator/controller/queue_metrics.h"
#include "operator/controller/work_queue.h"

namespace wan::controller {

// What a reconcile wants next: nothing (changes wake it), or another look after a while.
struct Outcome {
  std::optional<std::chrono::milliseconds> requeue_after;
};

// Brings the world closer to what the object says. Level-triggered: it looks at the whole present state, and
// an object that does not exist (any more) is no error. An Error means: try again, later each time; only
// kInvalidArgument (the server refuses what we send, repeating cannot help) waits for a change instead.
using Reconcile = std::function<Task<Result<Outcome>>(Key)>;

struct Counters {
  uint64_t succeeded = 0;
  uint64_t requeued_after = 0;
  uint64_t failed = 0;
  uint64_t terminal = 0;
};

struct ControllerSettings {
  std::string name;  // "videojob"
  int workers = 1;
  RetrySettings retry;
  // How long a refused object waits for a change before it is tried once more.
  std::chrono::milliseconds terminal_retry{300'000};
  metrics::Registry* metrics = nullptr;  // where it is counted, if anywhere
};

class Controller {
 public:
  Controller(asio::any_io_executor executor, const Clock& clock, ControllerSettings settings,
             Reconcile reconcile);

  void enqueue(const Key& key, Priority priority = Priority::kNormal);
  void enqueue_after(const Key& key, std::chrono::milliseconds delay);

  // Until stop() was called and the reconciles that were running have ended.
  [[nodiscard]] Task<void> run();
  void stop();
  // Breaks off the reconciles that are running.
  void cancel();

  [[nodiscard]] const WorkQueue& queue() const { return queue_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  [[nodiscard]] Task<void> work(Key key);
  ReconcileResult settle(const Key& key, const Result<Outcome>& outcome);

  const Clock& clock_;
  ControllerSettings settings_;
  Reconcile reconcile_;
  std::optional<QueueMetrics> queue_metrics_;
  std::optional<ReconcileMetrics> reconcile_metrics_;
  WorkQueue queue_;
  Counters counters_;
  bool stopping_ = false;
  Notify wake_;
  TaskGroup tasks_;  // last: the tasks touch everything above
};

}  // namespace wan::controller
