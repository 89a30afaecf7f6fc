#include "runtime/gallery/cli/command.h"

#include <iostream>

#include "base/json/json.h"

namespace wan::gallery {

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

MakeMeter standard_meter(std::string phase, bool json) {
  return [phase = std::move(phase), json](int64_t bytes_total) {
    static const SystemClock clock;
    return Meter(phase, bytes_total, meter_style(json), clock,
                 [](const std::string& text) { std::cerr << text << std::flush; });
  };
}

}  // namespace wan::gallery
