#include "runtime/device/parallel.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <atomic>
#include <dlfcn.h>

namespace wan::device {
namespace {

// What a compiler turns `#pragma omp parallel` into. Called by name in the library that ATen is linked to:
// with -fopenmp, clang would bring an OpenMP library of its own, with other threads, beside ATen's.
using GompParallel = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);

struct Work {
  const std::function<void(int64_t)>& task;
  int64_t count;
  std::atomic<int64_t> next = 0;
};

void work_on(void* argument) {
  auto& work = *static_cast<Work*>(argument);
  for (int64_t i; (i = work.next.fetch_add(1, std::memory_order_relaxed)) < work.count;) work.task(i);
}

}  // namespace

void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task) {
  static const auto parallel = reinterpret_cast<GompParallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  Work work{task, count};
  const int64_t threads = std::min<int64_t>(count, at::get_num_threads());
  if (threads <= 1 || !parallel) return work_on(&work);
  parallel(work_on, &work, static_cast<unsigned>(threads), 0);
}

}  // namespace wan::device
