#pragma once
// Work of our own kernels on ATen's own threads.

#include <atomic>
#include <cstdint>
#include <functional>

namespace wan::device {

// Thrown when nobody wants the result any more.
struct Interrupted {};

// While it lives, what this thread asks of parallel_tasks() ends soon after `stop` becomes true, within a
// kernel that takes minutes too.
class Interruptible {
 public:
  explicit Interruptible(const std::atomic<bool>& stop);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  const std::atomic<bool>* before_;
};

// On how many threads parallel_tasks() runs tasks, if there are as many.
[[nodiscard]] int64_t parallel_threads();

// task(0) .. task(count - 1), each once, in any order, on as many threads as ATen uses; returns when all are
// done. A task must not throw and must not call ATen. What a task computes may not depend on its thread.
// Throws Interrupted where that ends it; some tasks have not run then.
void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task);

}  // namespace wan::device
