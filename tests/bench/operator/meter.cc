#include "tests/bench/operator/meter.h"

#include <fstream>
#include <sstream>
#include <unistd.h>

namespace wan::bench {
namespace {

// utime and stime are the 14th and 15th field; the 2nd may hold blanks, but ends at the last ')'.
double cpu_seconds(pid_t pid) {
  std::ostringstream text;
  text << std::ifstream("/proc/" + std::to_string(pid) + "/stat").rdbuf();
  const std::string line = text.str();
  const size_t end = line.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(line.substr(end + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

Cost cost_of(pid_t pid) {
  Cost cost;
  cost.cpu_seconds = cpu_seconds(pid);
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmRSS:" && status >> kib) cost.rss_mib = kib / 1024;
    if (word == "VmHWM:" && status >> kib) cost.peak_rss_mib = kib / 1024;
  }
  return cost;
}

}  // namespace wan::bench
