#pragma once
// A queue and its loop as dashboards of controller-runtime expect them: workqueue_* and
// controller_runtime_*.

#include <string>

#include "base/clock.h"
#include "base/metrics/registry.h"

namespace wan::controller {

class WorkQueue;

class QueueMetrics {
 public:
  // `name` is that of the controller, which its queue shares.
  QueueMetrics(metrics::Registry& registry, const std::string& name);

  void added() { adds_.Increment(); }
  void retried() { retries_.Increment(); }
  void taken(SteadyTime::duration waited);
  void done(SteadyTime::duration worked);
  // What is read rather than counted.
  void refresh(const WorkQueue& queue);

 private:
  metrics::Counter& adds_;
  metrics::Counter& retries_;
  metrics::Histogram& waited_;
  metrics::Histogram& worked_;
  metrics::Gauge& unfinished_;
  metrics::Gauge& longest_;
  metrics::Gauge& low_;
  metrics::Gauge& normal_;
  metrics::Gauge& high_;
};

enum class ReconcileResult { kSuccess, kRequeueAfter, kError, kTerminal, kPanic };

class ReconcileMetrics {
 public:
  ReconcileMetrics(metrics::Registry& registry, const std::string& name, int workers);

  void begun() { active_.Increment(); }
  void ended(ReconcileResult result, SteadyTime::duration took);

 private:
  metrics::Gauge& active_;
  metrics::Counter& success_;
  metrics::Counter& requeue_after_;
  metrics::Counter& error_;
  metrics::Counter& errors_;
  metrics::Counter& terminal_;
  metrics::Counter& panics_;
  metrics::Histogram& took_;
};

}  // namespace wan::controller
