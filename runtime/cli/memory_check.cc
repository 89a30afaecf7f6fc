#include "runtime/cli/memory_check.h"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

#include "runtime/cli/units.h"

namespace wan::cli {
namespace {

constexpr double kDiskBytesPerSecond = 1e9;  // a common local disk; said with the figure

}  // namespace

int64_t host_memory() {
  const int64_t machine = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  std::ifstream file("/sys/fs/cgroup/memory.max");
  int64_t limit = 0;
  return file >> limit && limit > 0 ? std::min(machine, limit) : machine;
}

std::string memory_text(const pipeline::SizeNeed& need, int64_t host_bytes) {
  std::string text = "memory:";
  for (size_t i = 0; i < need.phases.size(); ++i) {
    const auto& phase = need.phases[i];
    text += fmt::format("{} {} {}", i ? "," : "", phase.phase, gigabytes(phase.weights + phase.activations));
  }
  for (const auto& phase : need.phases) {
    const bool weights_wait_on_disk =
        phase.activations <= host_bytes && phase.weights + phase.activations > host_bytes;
    if (!weights_wait_on_disk) continue;
    text += fmt::format(
        "; this machine has {}: in {} every forward reads {} of weights from the disk again, about {:.0f} s "
        "at 1 GB/s",
        gigabytes(host_bytes), phase.phase, gigabytes(phase.weights),
        static_cast<double>(phase.weights) / kDiskBytesPerSecond);
  }
  return text;
}

Status check_memory(const pipeline::SizeNeed& need, int64_t host_bytes) {
  for (const auto& phase : need.phases) {
    if (phase.activations <= host_bytes) continue;
    return fail(
        Error{ErrorCode::kResourceExhausted,
              fmt::format("memory: {} of {}x{} with {} frames needs {} besides the weights and this machine "
                          "has {}; a smaller size or fewer frames need less",
                          phase.phase, need.width, need.height, need.frames, gigabytes(phase.activations),
                          gigabytes(host_bytes))});
  }
  return {};
}

Result<pipeline::SizeNeed> memory_need(const std::filesystem::path& directory,
                                       const pipeline::ResolvedGeneration& generation,
                                       const std::string& precision) {
  const std::string counted = precision == "bf16" ? "bf16" : "fp32";
  WAN_TRY(const auto model,
          pipeline::inspect_model(directory, {{generation.width, generation.height, generation.frames}},
                                  false, {}));
  const auto found = std::ranges::find(model.memory, counted, &pipeline::SizeNeed::precision);
  if (found == model.memory.end()) return fail(internal_error("no memory plan for " + counted));
  return *found;
}

}  // namespace wan::cli
