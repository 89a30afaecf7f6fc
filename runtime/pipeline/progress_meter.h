#pragma once
// From "step 7 of 20" to percent of the whole generation and seconds left, and no more often than a reader
// can follow.

#include "base/clock.h"
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
  // All three must outlive it.
  ProgressMeter(const ProgressSink& sink, DecodeEstimate decode, const Clock& clock);

  // A phase begins, `done` of it by an earlier run; always reported. Phases: TextEncode, ImageEncode,
  // Denoise, Decode, Encode.
  void begin(const std::string& phase, int64_t total, int64_t done = 0);
  // So much of the phase is done; reported at most five times a second, and at the end.
  void advance(int64_t done);
  // Part 0..1 of the next unit is done: a first step that takes minutes should say how long it will be.
  void within(double part);
  // Seconds since begin().
  [[nodiscard]] double elapsed() const;

 private:
  [[nodiscard]] double since(SteadyTime start) const;  // seconds
  [[nodiscard]] double pace() const;                   // seconds a unit, negative: unknown
  [[nodiscard]] double left() const;                   // seconds, negative: unknown
  void report_sometimes();
  void report();

  const ProgressSink& sink_;
  DecodeEstimate decode_;
  const Clock& clock_;
  Progress now_;
  double part_ = 0;  // of the unit after now_.done
  int64_t begun_at_ = 0;
  SteadyTime began_, advanced_, last_report_;
  // Where units are timed from: the first is slower than the rest, as memory is touched for the first time.
  int64_t timed_from_ = 0;
  SteadyTime timed_since_;
};

}  // namespace wan::pipeline
