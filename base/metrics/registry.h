#pragma once
// The numbers of a process for Prometheus: counters, gauges and histograms by name and labels, and their text
// exposition (format 0.0.4). A reference that is handed out lives as long as the registry; asking again with
// the same name and labels gives the same one. Label values must be few: each combination is kept for ever.

#include <functional>
#include <memory>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <string>
#include <vector>

namespace prometheus {
class Registry;
}

namespace wan::metrics {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

// What the text above says: "text/plain; version=0.0.4; charset=utf-8".
inline constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  [[nodiscard]] Counter& counter(const std::string& name, const std::string& help, const Labels& labels);
  [[nodiscard]] Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels);
  // `upper_bounds` ascend; the bucket above the last one is added.
  [[nodiscard]] Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels,
                                     const std::vector<double>& upper_bounds);
  // Called before each text(), for gauges that are read rather than kept. What it
  // refers to must live until the last text().
  void before_text(std::function<void()> refresh) { refreshers_.push_back(std::move(refresh)); }
  [[nodiscard]] std::string text() const;

 private:
  std::unique_ptr<prometheus::Registry> registry_;
  std::vector<std::function<void()>> refreshers_;
};

// process_resident_memory_bytes, process_virtual_memory_bytes, process_cpu_seconds_total, process_open_fds
// and process_start_time_seconds of this process, read from /proc at each text().
void add_process_metrics(Registry& registry);

// `count` bounds from `first`, each `factor` times the one before.
[[nodiscard]] std::vector<double> exponential_bounds(double first, double factor, int count);

}  // namespace wan::metrics
