#pragma once
// From "step 7 of 20" to percent of the whole generation and seconds left, and no more often than a reader
// can follow.

#include <chrono>

#include "base/progress.h"
#include "runtime/pipeline/generator.h"

namespace wan::pipeline {

// What decoding is expected to take: as the last one of this process went, else as many denoising steps would
// take. Negative: not known.
struct DecodeEstimate {
  double seconds = -1;
  double steps = -1;
};

class ProgressMeter {
 public:
  ProgressMeter(const ProgressSink& sink, DecodeEstimate decode);

  // A phase begins; always reported. Phases: TextEncode, Denoise, Decode, Encode.
  void begin(const std::string& phase, int64_t total);
  // So much of the phase is done; reported at most five times a second, and at the end.
  void advance(int64_t done);
  // Seconds since begin().
  [[nodiscard]] double elapsed() const;

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] double left() const;  // seconds, negative: unknown
  void report();

  const ProgressSink& sink_;
  DecodeEstimate decode_;
  Progress now_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point
      first_done_;  // the first unit is slower than the rest: memory is touched for the first time
  Clock::time_point last_report_;
};

}  // namespace wan::pipeline
