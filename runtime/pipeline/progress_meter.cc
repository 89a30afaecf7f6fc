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

double percent(const Progress& progress) {
  const auto* span = std::ranges::find(kSpans, progress.phase, &Span::phase);
  if (span == kSpans.end()) return 0;
  const double part = progress.total > 0 ? static_cast<double>(progress.done) / progress.total : 0;
  return span->begin + (span->end - span->begin) * part;
}

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

ProgressMeter::ProgressMeter(const ProgressSink& sink, DecodeEstimate decode)
    : sink_(sink), decode_(decode) {}

void ProgressMeter::begin(const std::string& phase, int64_t total) {
  now_ = {.phase = phase, .total = total};
  began_ = Clock::now();
  report();
}

void ProgressMeter::advance(int64_t done) {
  const auto now = Clock::now();
  now_.done = done;
  if (done == 1) first_done_ = now;
  now_.seconds_per_step =
      done > 1 ? seconds(now - first_done_) / static_cast<double>(done - 1) : seconds(now - began_);
  if (done == now_.total || now - last_report_ >= kShortestPause) report();
}

double ProgressMeter::elapsed() const { return seconds(Clock::now() - began_); }

double ProgressMeter::left() const {
  const double rest = now_.seconds_per_step * static_cast<double>(now_.total - now_.done);
  if (now_.phase == "Encode") return 0;
  if (now_.seconds_per_step < 0 || now_.phase == "TextEncode") return -1;
  if (now_.phase != "Denoise") return rest;
  return rest +
         (decode_.seconds >= 0 ? decode_.seconds : std::max(decode_.steps, 0.0) * now_.seconds_per_step);
}

void ProgressMeter::report() {
  now_.percent = percent(now_);
  now_.seconds_left = left();
  last_report_ = Clock::now();
  if (sink_) sink_(now_);
}

}  // namespace wan::pipeline
