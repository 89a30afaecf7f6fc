// Work that is given up while it runs.

#include "runtime/device/parallel.h"

#include <atomic>
#include <gtest/gtest.h>

namespace wan::device {
namespace {

TEST(ParallelTasks, EachRunsOnce) {
  std::vector<std::atomic<int>> runs(1000);
  parallel_tasks(1000, [&](int64_t i) { ++runs[i]; });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
}

TEST(ParallelTasks, EndSoonAfterTheThreadIsToldToStop) {
  constexpr int64_t kTasks = 1'000'000;
  std::atomic<bool> stop = false;
  std::atomic<int64_t> runs = 0;
  const Interruptible interruptible(stop);
  EXPECT_THROW(parallel_tasks(kTasks,
                              [&](int64_t i) {
                                ++runs;
                                if (i == 10) stop = true;
                              }),
               Interrupted);
  EXPECT_LT(runs, kTasks);
}

TEST(ParallelTasks, OfWhoDoesNotListenRunToTheirEnd) {
  std::atomic<bool> stop = true;
  {
    const Interruptible interruptible(stop);
  }
  std::atomic<int64_t> runs = 0;
  parallel_tasks(100, [&](int64_t) { ++runs; });
  EXPECT_EQ(runs, 100);
}

}  // namespace
}  // namespace wan::device
