#include "operator/controller/queue_metrics.h"

#include "operator/controller/work_queue.h"

namespace wan::controller {
namespace {

using metrics::Labels;
using metrics::Registry;

double seconds(SteadyTime::duration duration) { return std::chrono::duration<double>(duration).count(); }

Labels queue_labels(const std::string& name) { return {{"name", name}, {"controller", name}}; }

metrics::Gauge& depth(Registry& registry, const std::string& name, Priority priority) {
  Labels labels = queue_labels(name);
  labels["priority"] = std::to_string(static_cast<int>(priority));
  return registry.gauge("workqueue_depth", "Keys that are ready to be worked on, by priority", labels);
}

// From 10 ns, as in client-go, to 1000 s.
metrics::Histogram& times(Registry& registry, const std::string& metric, const std::string& help,
                          const std::string& name) {
  return registry.histogram(metric, help, queue_labels(name), metrics::exponential_bounds(1e-8, 10, 12));
}

metrics::Counter& reconciles(Registry& registry, const std::string& name, const std::string& result) {
  return registry.counter("controller_runtime_reconcile_total", "Reconciles by result",
                          {{"controller", name}, {"result", result}});
}

const std::vector<double> kReconcileSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3,  0.35,
                                            0.4,   0.45, 0.5,   0.6,  0.7, 0.8,  0.9, 1.0,  1.25, 1.5,
                                            1.75,  2.0,  2.5,   3.0,  3.5, 4.0,  4.5, 5,    6,    7,
                                            8,     9,    10,    15,   20,  25,   30,  40,   50,   60};

}  // namespace

QueueMetrics::QueueMetrics(Registry& registry, const std::string& name)
    : adds_(registry.counter("workqueue_adds_total", "Keys that were added", queue_labels(name))),
      retries_(registry.counter("workqueue_retries_total", "Keys that were added again after a failure",
                                queue_labels(name))),
      waited_(times(registry, "workqueue_queue_duration_seconds", "How long keys waited", name)),
      worked_(times(registry, "workqueue_work_duration_seconds", "How long the work on a key took", name)),
      unfinished_(registry.gauge("workqueue_unfinished_work_seconds",
                                 "How long the keys in work have been so, together", queue_labels(name))),
      longest_(registry.gauge("workqueue_longest_running_processor_seconds",
                              "How long the key that is longest in work has been so", queue_labels(name))),
      low_(depth(registry, name, Priority::kLow)),
      normal_(depth(registry, name, Priority::kNormal)),
      high_(depth(registry, name, Priority::kHigh)) {}

void QueueMetrics::taken(SteadyTime::duration waited) { waited_.Observe(seconds(waited)); }
void QueueMetrics::done(SteadyTime::duration worked) { worked_.Observe(seconds(worked)); }

void QueueMetrics::refresh(const WorkQueue& queue) {
  const WorkQueue::WorkTimes work = queue.work_times();
  unfinished_.Set(seconds(work.sum));
  longest_.Set(seconds(work.longest));
  low_.Set(static_cast<double>(queue.ready(Priority::kLow)));
  normal_.Set(static_cast<double>(queue.ready(Priority::kNormal)));
  high_.Set(static_cast<double>(queue.ready(Priority::kHigh)));
}

ReconcileMetrics::ReconcileMetrics(Registry& registry, const std::string& name, int workers)
    : active_(registry.gauge("controller_runtime_active_workers", "Reconciles that run now",
                             {{"controller", name}})),
      success_(reconciles(registry, name, "success")),
      requeue_after_(reconciles(registry, name, "requeue_after")),
      error_(reconciles(registry, name, "error")),
      errors_(registry.counter("controller_runtime_reconcile_errors_total", "Reconciles that failed",
                               {{"controller", name}})),
      terminal_(registry.counter("controller_runtime_terminal_reconcile_errors_total",
                                 "Reconciles that failed and wait for a change", {{"controller", name}})),
      panics_(registry.counter("controller_runtime_reconcile_panics_total",
                               "Reconciles that ended by an exception", {{"controller", name}})),
      took_(registry.histogram("controller_runtime_reconcile_time_seconds", "How long a reconcile took",
                               {{"controller", name}}, kReconcileSeconds)) {
  registry
      .gauge("controller_runtime_max_concurrent_reconciles", "Reconciles that may run at once",
             {{"controller", name}})
      .Set(workers);
}

void ReconcileMetrics::ended(ReconcileResult result, SteadyTime::duration took) {
  active_.Decrement();
  took_.Observe(seconds(took));
  if (result == ReconcileResult::kSuccess) return success_.Increment();
  if (result == ReconcileResult::kRequeueAfter) return requeue_after_.Increment();
  error_.Increment();
  errors_.Increment();
  if (result == ReconcileResult::kTerminal) terminal_.Increment();
  if (result == ReconcileResult::kPanic) panics_.Increment();
}

}  // namespace wan::controller
