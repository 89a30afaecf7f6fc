#pragma once
// What the processor can do at most: rows that do arithmetic are told as a share of it.

#include "runtime/device/precision.h"

namespace wan::bench {

// Multiply-adds a second (each counts as two operations) of `threads` threads that touch no memory, by the
// instructions that our kernels use on this processor; 0 where those are not there.
[[nodiscard]] double peak_operations_per_second(int threads, device::Precision precision);

}  // namespace wan::bench
