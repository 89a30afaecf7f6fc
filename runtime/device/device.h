#pragma once
// Which device computes, and with how many threads. Everything special to a device is in this folder.

#include <c10/core/Device.h>
#include <string>

#include "base/result.h"
#include "runtime/device/numerics.h"
#include "runtime/device/precision.h"

namespace wan::device {

struct Device {
  c10::Device torch{c10::kCPU};
  int threads = 1;
  MachineClass machine;
  NumericsPlan plan;  // `encoder` and `precision` are not filled here
};

// `name`: auto, cpu or cuda. `auto` takes a CUDA device if libtorch_cuda can be loaded and finds one.
// `threads` 0: the cores this process may use. Sets torch's thread counts for the whole process.
[[nodiscard]] Result<Device> choose_device(const std::string& name, int threads);

}  // namespace wan::device
