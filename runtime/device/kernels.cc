#include "runtime/device/kernels.h"

#include <cstdlib>

namespace wan::device {

KernelSet kernel_set() {
  static const KernelSet chosen = [] {
    const char* asked = std::getenv("WAN_KERNELS");
    const CpuFeatures cpu = cpu_features();
    const auto wanted = choose_kernels(asked ? asked : "", cpu);
    return wanted ? *wanted : *choose_kernels("", cpu);
  }();
  return chosen;
}

}  // namespace wan::device
