#pragma once
// What a process costs, from /proc.

#include <string>
#include <sys/types.h>

namespace wan::bench {

struct Cost {
  double cpu_seconds = 0;  // user and system, since its start
  double rss_mib = 0;
  double peak_rss_mib = 0;
};

// Zeros where there is no such process.
[[nodiscard]] Cost cost_of(pid_t pid);

}  // namespace wan::bench
