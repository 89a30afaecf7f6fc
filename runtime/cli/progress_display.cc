#include "runtime/cli/progress_display.h"

#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <iostream>

namespace wan::cli {
namespace {

constexpr auto kBetweenLines = std::chrono::seconds(5);
constexpr int kBarWidth = 24;

struct PhaseWords {
  const char* phase;
  const char* shown;
  const char* unit;  // "" : counts are not shown
};
constexpr PhaseWords kPhases[] = {{"Hash", "check weights", ""},     {"Load", "load", "part"},
                                  {"TextEncode", "encode text", ""}, {"ImageEncode", "encode image", "part"},
                                  {"Denoise", "denoise", "step"},    {"Decode", "decode", "frame"},
                                  {"Encode", "write", ""},           {"Pull", "pull", ""}};

const PhaseWords& words_of(const std::string& phase) {
  static constexpr PhaseWords kOther = {"", "work", ""};
  for (const PhaseWords& words : kPhases) {
    if (phase == words.phase) return words;
  }
  return kOther;
}

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string bar(double percent) {
  const int filled = static_cast<int>(std::lround(percent / 100 * kBarWidth));
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

}  // namespace

std::string progress_text(const Progress& progress) {
  const PhaseWords& words = words_of(progress.phase);
  std::string text = words.shown;
  if (*words.unit && progress.total > 0)
    text += fmt::format("  {} {}/{}", words.unit, progress.done, progress.total);
  if (progress.phase == "Denoise" && progress.seconds_per_step >= 0) {
    text += fmt::format("  {:.2f} s/step", progress.seconds_per_step);
  }
  if (progress.seconds_left >= 0 && progress.phase != "Encode")
    text += "  " + duration(progress.seconds_left) + " left";
  return text;
}

std::string progress_json(const Progress& progress) {
  Json fields = {{"phase", progress.phase},
                 {"step", progress.done},
                 {"steps", progress.total},
                 {"percent", std::round(progress.percent * 10) / 10}};
  if (progress.seconds_left >= 0)
    fields["secondsLeft"] = static_cast<int64_t>(std::ceil(progress.seconds_left));
  return Json{{"type", "PROGRESS"}, {"progress", fields}}.dump();
}

void print_event(const Json& event) { std::cout << to_text(event) << std::endl; }

void ProgressDisplay::show(const Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (style_ == Style::kJson) {
    std::cout << progress_json(progress) << std::endl;
  } else if (style_ == Style::kTerminal) {
    const std::string meter = progress.phase == "Load" || progress.phase == "Hash"
                                  ? std::string(kBarWidth + 2, ' ')
                                  : bar(progress.percent);
    std::cerr << "\r\033[K" << meter << "  " << progress_text(progress) << std::flush;
    line_shown_ = true;
  } else if (progress.phase != last_phase_ || now - last_line_ >= kBetweenLines) {
    std::cerr << progress_text(progress) << std::endl;
    last_phase_ = progress.phase;
    last_line_ = now;
  }
}

void ProgressDisplay::note(const std::string& text) {
  clear();
  if (style_ == Style::kJson) {
    print_event({{"type", "NOTICE"}, {"message", text}});
  } else {
    std::cerr << text << std::endl;
  }
}

void ProgressDisplay::clear() {
  if (line_shown_) std::cerr << "\r\033[K" << std::flush;
  line_shown_ = false;
}

}  // namespace wan::cli
