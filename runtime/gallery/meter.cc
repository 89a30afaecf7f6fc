#include "runtime/gallery/meter.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <unistd.h>

#include "base/json/json.h"

namespace wan::gallery {

std::string format_bytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_seconds(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string to_line(const std::string& phase, const TransferProgress& progress) {
  std::string line = fmt::format("{} {} of {}", phase, format_bytes(progress.bytes_done),
                                 format_bytes(progress.bytes_total));
  if (progress.bytes_per_second > 0) {
    line += fmt::format(", {}/s", format_bytes(std::llround(progress.bytes_per_second)));
  }
  if (progress.seconds_left >= 0) line += ", " + format_seconds(progress.seconds_left) + " left";
  if (!progress.file.empty()) line += ", " + progress.file;
  return line;
}

std::string to_json_line(const std::string& phase, const TransferProgress& progress) {
  Json json = {{"type", "PROGRESS"},
               {"phase", phase},
               {"bytesDone", progress.bytes_done},
               {"bytesTotal", progress.bytes_total},
               {"bytesPerSecond", std::llround(progress.bytes_per_second)}};
  if (progress.seconds_left >= 0) json["secondsLeft"] = std::llround(std::ceil(progress.seconds_left));
  if (!progress.file.empty()) json["file"] = progress.file;
  return json.dump();
}

MeterStyle meter_style(bool json) {
  if (json) return MeterStyle::kJson;
  return ::isatty(STDERR_FILENO) ? MeterStyle::kTerminal : MeterStyle::kLines;
}

Meter::Meter(std::string phase, int64_t bytes_total, MeterStyle style, const Clock& clock,
             std::function<void(const std::string&)> print, std::function<void(const TransferProgress&)> told)
    : phase_(std::move(phase)),
      style_(style),
      clock_(clock),
      print_(std::move(print)),
      told_(std::move(told)),
      started_(clock.steady()),
      printed_(started_),
      total_(bytes_total) {}

void Meter::begin_file(std::string file) { file_ = std::move(file); }

void Meter::add(int64_t bytes) {
  done_ += bytes;
  const auto interval =
      style_ == MeterStyle::kTerminal ? std::chrono::milliseconds(200) : std::chrono::milliseconds(1000);
  if (clock_.steady() - printed_ >= interval) print_now();
}

void Meter::skip(int64_t bytes) {
  done_ += bytes;
  skipped_ += bytes;
}

void Meter::finish() {
  file_.clear();
  print_now();
  if (style_ == MeterStyle::kTerminal) print_("\n");
}

TransferProgress Meter::progress() const {
  const double seconds = std::chrono::duration<double>(clock_.steady() - started_).count();
  TransferProgress progress{done_, total_, 0, -1, file_};
  if (seconds > 0) progress.bytes_per_second = static_cast<double>(done_ - skipped_) / seconds;
  if (progress.bytes_per_second > 0) {
    progress.seconds_left =
        static_cast<double>(std::max<int64_t>(0, total_ - done_)) / progress.bytes_per_second;
  }
  return progress;
}

void Meter::print_now() {
  printed_ = clock_.steady();
  if (told_) told_(progress());
  switch (style_) {
    case MeterStyle::kSilent: return;
    case MeterStyle::kTerminal: return print_("\r\033[K" + to_line(phase_, progress()));
    case MeterStyle::kLines: return print_(to_line(phase_, progress()) + "\n");
    case MeterStyle::kJson: return print_(to_json_line(phase_, progress()) + "\n");
  }
}

}  // namespace wan::gallery
