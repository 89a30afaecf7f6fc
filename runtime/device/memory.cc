#include "runtime/device/memory.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <dlfcn.h>
#include <limits>
#include <malloc.h>
#include <string>
#include <unistd.h>

#include "runtime/device/cgroup.h"
#include "runtime/device/tensor_allocator.h"

namespace wan::device {
namespace {

namespace fs = std::filesystem;

// "max" in version 2 and 2^63 less a page in version 1 are no limit; the latter is larger than any machine.
std::optional<double> limit_at(const fs::path& group, bool version_2) {
  const std::string line = first_line(group / (version_2 ? "memory.max" : "memory.limit_in_bytes"));
  uint64_t bytes = 0;
  const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), bytes);
  if (error != std::errc() || bytes == 0) return std::nullopt;
  return static_cast<double>(bytes);
}

// Smaller ones come and go too often for that; larger ones than the second are never kept (mallopt(3)).
constexpr int kFrugal = 1 << 19, kUsual = 32 << 20;

// How many allocations may be memory of their own: the default. How much the end of the heap may hold unused:
// what the C library arrives at by itself after large allocations.
constexpr int kUsualMaps = 65'536, kUsualTrim = 2 * kUsual;

// How many KeptAllocations there are: one holds for all threads.
std::atomic<int> g_keeping = 0;

[[gnu::constructor]] void share_one_heap() { ::mallopt(M_ARENA_MAX, 1); }

}  // namespace

FrugalAllocations::FrugalAllocations() {
  ::mallopt(M_MMAP_THRESHOLD, kFrugal);
  TensorAllocator::installed().recycle(true);
}

FrugalAllocations::~FrugalAllocations() {
  TensorAllocator::installed().recycle(false);
  ::mallopt(M_MMAP_THRESHOLD, kUsual);
}

LargePages::LargePages() { TensorAllocator::installed().take_large_pages(true); }

LargePages::~LargePages() { TensorAllocator::installed().take_large_pages(false); }

KeptAllocations::KeptAllocations() {
  if (g_keeping++ > 0) return;
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

KeptAllocations::~KeptAllocations() {
  if (--g_keeping > 0) return;
  ::mallopt(M_MMAP_MAX, kUsualMaps);
  ::mallopt(M_TRIM_THRESHOLD, kUsualTrim);
}

void give_back_freed_memory() { ::malloc_trim(0); }

int64_t host_memory(const fs::path& root) {
  const int64_t machine = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  const auto limit = smallest_limit(root, "memory", {"memory"}, limit_at);
  return limit && *limit < static_cast<double>(machine) ? static_cast<int64_t>(*limit) : machine;
}

// The program links no CUDA; libtorch_cuda, once loaded, has brought the runtime with it.
std::optional<int64_t> device_memory(const c10::Device& device) {
  using MemoryInfo = int (*)(size_t* free, size_t* total);
  if (!device.is_cuda()) return std::nullopt;
  const auto ask = reinterpret_cast<MemoryInfo>(dlsym(RTLD_DEFAULT, "cudaMemGetInfo"));
  size_t free = 0, total = 0;
  if (!ask || ask(&free, &total) != 0) return std::nullopt;
  return static_cast<int64_t>(total);
}

}  // namespace wan::device
