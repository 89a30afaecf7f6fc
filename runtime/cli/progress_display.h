#pragma once
// Progress of a generation for whoever watches: one live line on a terminal, a few plain lines in a log, or
// NDJSON for programs.

#include <chrono>
#include <string>

#include "base/json/json.h"
#include "base/progress.h"

namespace wan::cli {

// "denoise  step 7/20  0.03 s/step  1 s left"
[[nodiscard]] std::string progress_text(const Progress& progress);
// {"type":"PROGRESS","progress":{...}}, the fields of VideoJob.status.progress.
[[nodiscard]] std::string progress_json(const Progress& progress);

// One event of --json: a line on standard output.
void print_event(const Json& event);

class ProgressDisplay {
 public:
  enum class Style { kTerminal, kLines, kJson };
  explicit ProgressDisplay(Style style) : style_(style) {}
  ~ProgressDisplay() { clear(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void show(const Progress& progress);
  // A sentence of its own: a line on standard error, or {"type":"NOTICE","message":"..."}.
  void note(const std::string& text);
  // Takes the live line away, so that other text can be printed.
  void clear();

 private:
  Style style_;
  bool line_shown_ = false;
  std::string last_phase_;
  std::chrono::steady_clock::time_point last_line_;
};

}  // namespace wan::cli
