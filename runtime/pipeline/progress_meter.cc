#include "runtime/pipeline/progress_meter.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace wan::pipeline {
namespace {

constexpr auto kShortestPause = std::chrono::milliseconds(200);

// Where each phase lies in 0..100 percent of a generation.
struct Span {
  std::string_view phase;
  double begin, end;
};
constexpr std::array<Span, 5> kSpans = {{{"TextEncode", 0, 2},
                                         {"ImageEncode", 2, 5},
                                         {"Denoise", 5, 85},
                                         {"Decode", 85, 99},
                                         {"Encode", 99, 100}}};

double percent(const Progress& progress, double part) {
  const auto* span = std::ranges::find(kSpans, progress.phase, &Span::phase);
  if (span == kSpans.end()) return 0;
  const double done = static_cast<double>(progress.done) + part;
  const double share = progress.total > 0 ? done / static_cast<double>(progress.total) : 0;
  return span->begin + (span->end - span->begin) * share;
}

}  // namespace

ProgressMeter::ProgressMeter(const ProgressSink& sink, DecodeEstimate decode, const Clock& clock)
    : sink_(sink), decode_(decode), clock_(clock) {}

void ProgressMeter::begin(const std::string& phase, int64_t total, int64_t done) {
  now_ = {.phase = phase, .done = done, .total = total};
  part_ = 0;
  begun_at_ = timed_from_ = done;
  began_ = advanced_ = timed_since_ = clock_.steady();
  report();
}

void ProgressMeter::advance(int64_t done) {
  const bool first = now_.done == begun_at_ && done > now_.done;
  now_.done = done;
  part_ = 0;
  advanced_ = clock_.steady();
  now_.seconds_per_step = pace();
  if (first) {
    timed_from_ = done;
    timed_since_ = advanced_;
  }
  report_sometimes();
}

void ProgressMeter::within(double part) {
  part_ = std::clamp(part, 0.0, 1.0);
  now_.seconds_per_step = pace();
  report_sometimes();
}

double ProgressMeter::elapsed() const { return since(began_); }

double ProgressMeter::since(SteadyTime start) const {
  return std::chrono::duration<double>(clock_.steady() - start).count();
}

double ProgressMeter::pace() const {
  if (now_.done > timed_from_) {
    return std::chrono::duration<double>(advanced_ - timed_since_).count() /
           static_cast<double>(now_.done - timed_from_);
  }
  if (now_.done == begun_at_ && part_ > 0) return since(began_) / part_;
  return now_.seconds_per_step;
}

double ProgressMeter::left() const {
  const double units = static_cast<double>(now_.total - now_.done) - part_;
  const double rest = now_.seconds_per_step * units;
  if (now_.phase == "Encode") return 0;
  if (now_.seconds_per_step < 0 || now_.phase == "TextEncode") return -1;
  if (now_.phase != "Denoise") return rest;
  return rest +
         (decode_.seconds >= 0 ? decode_.seconds : std::max(decode_.steps, 0.0) * now_.seconds_per_step);
}

void ProgressMeter::report_sometimes() {
  if (now_.done == now_.total || clock_.steady() - last_report_ >= kShortestPause) report();
}

void ProgressMeter::report() {
  now_.percent = percent(now_, part_);
  now_.seconds_left = left();
  last_report_ = clock_.steady();
  if (sink_) sink_(now_);
}

}  // namespace wan::pipeline
