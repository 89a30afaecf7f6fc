#include "runtime/device/parallel.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <dlfcn.h>
#include <utility>

namespace wan::device {
namespace {

// What a compiler turns `#pragma omp parallel` into. Called by name in the library that ATen is linked to:
// with -fopenmp, clang would bring an OpenMP library of its own, with other threads, beside ATen's.
using GompParallel = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);

thread_local const std::atomic<bool>* stop_of_this_thread = nullptr;

struct Work {
  const std::function<void(int64_t)>& task;
  int64_t count;
  const std::atomic<bool>* stop = stop_of_this_thread;
  std::atomic<int64_t> next = 0;
};

bool stopped(const Work& work) { return work.stop != nullptr && work.stop->load(std::memory_order_relaxed); }

void work_on(void* argument) {
  auto& work = *static_cast<Work*>(argument);
  while (!stopped(work)) {
    const int64_t i = work.next.fetch_add(1, std::memory_order_relaxed);
    if (i >= work.count) return;
    work.task(i);
  }
}

}  // namespace

Interruptible::Interruptible(const std::atomic<bool>& stop)
    : before_(std::exchange(stop_of_this_thread, &stop)) {}

Interruptible::~Interruptible() { stop_of_this_thread = before_; }

int64_t parallel_threads() { return at::get_num_threads(); }

void parallel_tasks(int64_t count, const std::function<void(int64_t)>& task) {
  static const auto parallel = reinterpret_cast<GompParallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  Work work{task, count};
  const int64_t threads = std::min<int64_t>(count, parallel_threads());
  if (threads <= 1 || !parallel) {
    work_on(&work);
  } else {
    parallel(work_on, &work, static_cast<unsigned>(threads), 0);
  }
  if (stopped(work)) throw Interrupted{};
}

}  // namespace wan::device
