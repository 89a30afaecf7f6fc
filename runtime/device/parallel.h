#pragma once
// Work of our own kernels on ATen's own threads.

#include <cstdint>
#include <functional>

namespace wan::device {

// task(0) .. task(count - 1), each once, in any order, on as many threads as ATen uses; returns when all are
// done. A task must not throw and must not call ATen. What a task computes may not depend on its thread.
void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task);

}  // namespace wan::device
