#include "base/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wan::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The value of the sample that begins like this; -1 if there is none.
double value_of(const std::string& text, const std::string& sample) {
  const size_t at = text.find("\n" + sample + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + sample.size() + 2));
}

TEST(RegistryTest, WritesEachKindAsTextWithHelpTypeAndLabels) {
  Registry registry;
  registry.counter("requests_total", "Requests", {{"method", "GET"}}).Increment(3);
  registry.gauge("depth", "Keys", {}).Set(2);
  registry.histogram("took_seconds", "Time", {}, {0.1, 1}).Observe(0.5);
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("# HELP requests_total Requests\n# TYPE requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("requests_total{method=\"GET\"} 3"));
  EXPECT_EQ(value_of(text, "depth"), 2);
  EXPECT_EQ(value_of(text, "took_seconds_bucket{le=\"0.1\"}"), 0);
  EXPECT_EQ(value_of(text, "took_seconds_bucket{le=\"1\"}"), 1);
  EXPECT_EQ(value_of(text, "took_seconds_bucket{le=\"+Inf\"}"), 1);
}

TEST(RegistryTest, GivesTheSameMetricForTheSameNameAndLabels) {
  Registry registry;
  Counter& first = registry.counter("c_total", "help", {{"a", "1"}});
  EXPECT_EQ(&registry.counter("c_total", "help", {{"a", "1"}}), &first);
  EXPECT_NE(&registry.counter("c_total", "help", {{"a", "2"}}), &first);
}

TEST(RegistryTest, EscapesLabelValuesSoThatNoneBreaksOutOfItsLine) {
  Registry registry;
  registry.counter("c_total", "help", {{"host", "a\"b\\c\nd"}}).Increment();
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr(R"(c_total{host="a\"b\\c\nd"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("\nd\"}")));
}

TEST(RegistryTest, ReadsWhatIsReadRatherThanKeptBeforeEachText) {
  Registry registry;
  Gauge& gauge = registry.gauge("g", "help", {});
  double now = 1;
  registry.before_text([&] { gauge.Set(now); });
  EXPECT_EQ(value_of(registry.text(), "g"), 1);
  now = 7;
  EXPECT_EQ(value_of(registry.text(), "g"), 7);
}

TEST(ProcessMetricsTest, TellsMemoryAndCpuOfThisProcess) {
  Registry registry;
  add_process_metrics(registry);
  std::vector<char> memory(64u << 20, 'x');
  EXPECT_GT(value_of(registry.text(), "process_resident_memory_bytes"), 64e6);
  EXPECT_GT(value_of(registry.text(), "process_virtual_memory_bytes"), 64e6);
  EXPECT_GT(value_of(registry.text(), "process_open_fds"), 2);
  EXPECT_GT(value_of(registry.text(), "process_start_time_seconds"), 1.7e9);
  const double before = value_of(registry.text(), "process_cpu_seconds_total");
  volatile double sink = memory[5];
  while (value_of(registry.text(), "process_cpu_seconds_total") <= before) sink = sink + 1;
  EXPECT_GE(before, 0);
}

TEST(BoundsTest, GrowByTheirFactor) {
  EXPECT_THAT(exponential_bounds(1, 10, 3), ::testing::ElementsAre(1, 10, 100));
}

}  // namespace
}  // namespace wan::metrics
