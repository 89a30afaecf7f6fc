#include "runtime/cli/memory_check.h"

#include <fmt/format.h>

#include "runtime/cli/units.h"

namespace wan::cli {
namespace {

using pipeline::MemoryNeed;
using pipeline::PhaseMemory;

constexpr double kDiskBytesPerSecond = 1e9;  // a common local disk; said with the figure

std::string phases_text(const MemoryNeed& need, int64_t PhaseMemory::* bytes) {
  std::string text;
  for (const PhaseMemory& phase : need.size.phases) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", phase.phase, gigabytes(phase.*bytes));
  }
  return text;
}

std::string reading_again(const PhaseMemory& phase, int64_t host_bytes) {
  const int64_t mapped = phase.host - phase.host_least;
  return fmt::format(
      "; this machine has {}: in {} every forward reads {} of weights from the disk again, about {:.0f} s at "
      "1 "
      "GB/s",
      gigabytes(host_bytes), phase.phase, gigabytes(mapped),
      static_cast<double>(mapped) / kDiskBytesPerSecond);
}

Error too_little(const MemoryNeed& need, const PhaseMemory& phase, const std::string& needed,
                 const std::string& there) {
  return {
      ErrorCode::kResourceExhausted,
      fmt::format("memory: {} of {}x{} with {} frames needs {}, and {}; a smaller size or fewer frames need "
                  "less",
                  phase.phase, need.size.width, need.size.height, need.size.frames, needed, there)};
}

}  // namespace

std::string memory_text(const MemoryNeed& need) {
  if (need.on_gpu) {
    return fmt::format("memory on the GPU: {}; on the host: {}", phases_text(need, &PhaseMemory::device),
                       gigabytes(pipeline::kProgramBytes));
  }
  std::string text = "memory: " + phases_text(need, &PhaseMemory::host);
  for (const PhaseMemory& phase : need.size.phases) {
    const bool waits_for_disk = phase.host_least <= need.host_bytes && phase.host > need.host_bytes;
    if (waits_for_disk) text += reading_again(phase, need.host_bytes);
  }
  return text;
}

Status check_memory(const MemoryNeed& need) {
  for (const PhaseMemory& phase : need.size.phases) {
    if (need.on_gpu && need.device_bytes && phase.device > *need.device_bytes) {
      return fail(too_little(need, phase, gigabytes(phase.device) + " on the GPU",
                             "it has " + gigabytes(*need.device_bytes) + " (--device cpu needs none of it)"));
    }
    if (!need.on_gpu && phase.host_least > need.host_bytes) {
      return fail(too_little(need, phase, gigabytes(phase.host_least) + " besides the weights in the files",
                             "this machine has " + gigabytes(need.host_bytes)));
    }
  }
  return {};
}

}  // namespace wan::cli
