#pragma once
// What the processor can do at most: rows that do arithmetic are told as a share of it.

namespace wan::bench {

// Multiply-adds a second (each counts as two operations) of `threads` threads that touch no memory, in fp32,
// with the widest instructions that our kernels use; 0 where those are not there.
[[nodiscard]] double peak_operations_per_second(int threads);

}  // namespace wan::bench
