#pragma once
// How far a transfer is: a line on a terminal, plain lines in a log, or NDJSON for programs.

#include <functional>
#include <string>

#include "base/clock.h"

namespace wan::gallery {

enum class MeterStyle { kTerminal, kLines, kJson, kSilent };

struct TransferProgress {
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  double bytes_per_second = 0;  // over the whole transfer
  double seconds_left = -1;     // negative: not yet known
  std::string file;             // the one at hand
};

[[nodiscard]] std::string format_bytes(int64_t bytes);     // "13.2 MB"
[[nodiscard]] std::string format_seconds(double seconds);  // "1 min 05 s"
[[nodiscard]] std::string to_line(const std::string& phase, const TransferProgress& progress);
[[nodiscard]] std::string to_json_line(const std::string& phase, const TransferProgress& progress);

// Terminal style if standard error is a terminal, else lines.
[[nodiscard]] MeterStyle meter_style(bool json);

class Meter {
 public:
  // `clock` and `print` outlive the meter; `print` gets whole pieces of text for standard error,
  // `told` the numbers whenever something is printed.
  Meter(std::string phase, int64_t bytes_total, MeterStyle style, const Clock& clock,
        std::function<void(const std::string&)> print,
        std::function<void(const TransferProgress&)> told = {});
  void begin_file(std::string file);
  void add(int64_t bytes);
  // Bytes that were there already: they count as done, not for the rate.
  void skip(int64_t bytes);
  // Prints the last state, whatever the time.
  void finish();
  [[nodiscard]] TransferProgress progress() const;

 private:
  void print_now();
  std::string phase_;
  MeterStyle style_;
  const Clock& clock_;
  std::function<void(const std::string&)> print_;
  std::function<void(const TransferProgress&)> told_;
  SteadyTime started_;
  SteadyTime printed_;
  int64_t done_ = 0;
  int64_t skipped_ = 0;
  int64_t total_ = 0;
  std::string file_;
};

}  // namespace wan::gallery
