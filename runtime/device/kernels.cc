#include "runtime/device/kernels.h"

#include "base/environment.h"

namespace wan::device {

KernelSet kernel_set() {
  static const KernelSet chosen = [] {
    const CpuFeatures cpu = cpu_features();
    const auto wanted = choose_kernels(environment("WAN_KERNELS"), cpu);
    return wanted ? *wanted : *choose_kernels("", cpu);
  }();
  return chosen;
}

}  // namespace wan::device
