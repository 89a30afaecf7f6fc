#include "runtime/gallery/cli/command.h"

#include <fstream>
#include <iostream>

namespace wan::gallery {
namespace {

constexpr size_t kMaxTerminationMessage = 3000;

}  // namespace

int exit_code(const Error& error) {
  if (error.code == ErrorCode::kCorrupt) return kExitCorrupt;
  return error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

int report(const Error& error, bool json) {
  if (json) {
    const Json body = {{"error", {{"reason", to_string(error.code)}, {"message", error.message}}}};
    std::cerr << to_text(body) << std::endl;
  } else {
    std::cerr << "wan-gallery: " << error.message << std::endl;
  }
  return exit_code(error);
}

void write_termination_log(const std::string& file, const Json& message) {
  if (file.empty()) return;
  std::ofstream(file, std::ios::trunc) << to_text(message);
}

void write_termination_log(const std::string& file, const Error& error) {
  const std::string message = error.message.substr(0, kMaxTerminationMessage);
  write_termination_log(file, Json{{"error", {{"reason", to_string(error.code)}, {"message", message}}}});
}

MakeMeter standard_meter(std::string phase, bool json, std::function<void(const TransferProgress&)> told) {
  return [phase = std::move(phase), json, told = std::move(told)](int64_t bytes_total) {
    static const SystemClock clock;
    return Meter(
        phase, bytes_total, meter_style(json), clock,
        [](const std::string& text) { std::cerr << text << std::flush; }, told);
  };
}

}  // namespace wan::gallery
