#include <chrono>
#include <cstdio>
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io/file.h"
#include "base/metrics/registry.h"

namespace wan::metrics {
namespace {

struct Memory {
  double resident = 0;
  double virtual_ = 0;
};

// /proc/self/statm: sizes in pages (proc(5)).
Memory memory() {
  const auto text = read_file("/proc/self/statm", 4096);
  unsigned long total = 0;
  unsigned long resident = 0;
  if (!text || std::sscanf(text->c_str(), "%lu %lu", &total, &resident) != 2) return {};
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return {.resident = static_cast<double>(resident) * page, .virtual_ = static_cast<double>(total) * page};
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? seconds(usage.ru_utime) + seconds(usage.ru_stime) : 0;
}

double open_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  double count = -3;  // ".", ".." and the descriptor that reads them
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

}  // namespace

void add_process_metrics(Registry& registry) {
  Gauge& resident = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", {});
  Gauge& virtual_ = registry.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", {});
  Counter& cpu =
      registry.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", {});
  Gauge& descriptors = registry.gauge("process_open_fds", "Number of open file descriptors.", {});
  Gauge& start = registry.gauge("process_start_time_seconds",
                                "Start time of the process since unix epoch in seconds.", {});
  start.Set(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  registry.before_text([&resident, &virtual_, &cpu, &descriptors] {
    const Memory now = memory();
    resident.Set(now.resident);
    virtual_.Set(now.virtual_);
    cpu.Increment(cpu_seconds() - cpu.Value());
    descriptors.Set(open_descriptors());
  });
}

}  // namespace wan::metrics
