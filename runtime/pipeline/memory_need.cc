#include "runtime/pipeline/memory_need.h"

#include <algorithm>
#include <string>

#include "runtime/device/device.h"
#include "runtime/device/memory.h"

namespace wan::pipeline {

Result<MemoryNeed> memory_need(const std::filesystem::path& directory, const ResolvedGeneration& generation,
                               const GeneratorSettings& settings) {
  WAN_TRY(const auto device, device::choose_device(settings.device, settings.threads));
  WAN_TRY(const auto model,
          inspect_model(directory, {{generation.width, generation.height, generation.frames}}, false, {}));
  const auto transformer = std::ranges::find(model.parts, "transformer", &PartInspection::name);
  WAN_TRY(const auto precision,
          device::choose_precision(settings.precision, device.machine, transformer->parameters));
  const auto size = std::ranges::find(model.memory, device::to_string(precision), &SizeNeed::precision);
  if (size == model.memory.end()) return fail(internal_error("no memory plan for this precision"));
  return MemoryNeed{*size, device.torch.is_cuda(), device::host_memory(),
                    device::device_memory(device.torch)};
}

}  // namespace wan::pipeline
