#include "runtime/device/tensor_allocator.h"

#include <algorithm>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <cstdint>
#include <sys/mman.h>
#include <utility>

namespace wan::device {
namespace {

// Smaller ones come from the heap, whose holes they fit.
constexpr size_t kLarge = 1 << 19;
constexpr uintptr_t kLargePage = 2 << 20;

template <typename Blocks>
void free_all(const Blocks& blocks) {
  for (const auto& block : blocks) c10::free_cpu(block.memory);
}

}  // namespace

TensorAllocator& TensorAllocator::installed() {
  // Never destroyed: tensors may be freed later than anything else.
  static TensorAllocator& allocator = [] -> TensorAllocator& {
    auto* made = new TensorAllocator;
    c10::SetCPUAllocator(made);
    return *made;
  }();
  return allocator;
}

void TensorAllocator::recycle(bool on) {
  std::vector<Block> old;
  {
    const std::lock_guard lock(mutex_);
    if (on && recycling_++ == 0) most_in_use_ = bytes_in_use_;
    if (on || --recycling_ > 0) return;
    old.swap(kept_);
    bytes_kept_ = 0;
  }
  free_all(old);
}

c10::DataPtr TensorAllocator::allocate(size_t bytes) {
  void* memory = bytes < kLarge ? c10::alloc_cpu(bytes) : take(bytes);
  return {memory, memory, &release, c10::Device(c10::kCPU)};
}

c10::DeleterFnPtr TensorAllocator::raw_deleter() const { return &release; }

void TensorAllocator::copy_data(void* to, const void* from, size_t bytes) const {
  default_copy_data(to, from, bytes);
}

void TensorAllocator::release(void* memory) {
  if (memory != nullptr && !installed().give(memory)) c10::free_cpu(memory);
}

void* TensorAllocator::allocate_new(size_t bytes) const {
  void* memory = c10::alloc_cpu(bytes);
  // Whole pages within: so it costs no memory. A system without large ones refuses.
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (address + kLargePage - 1) / kLargePage * kLargePage;
  const uintptr_t end = (address + bytes) / kLargePage * kLargePage;
  if (large_pages_ > 0 && end > first)
    ::madvise(static_cast<char*>(memory) + (first - address), end - first, MADV_HUGEPAGE);
  return memory;
}

// The oldest of what is kept beyond the most that was in use. The lock is held.
std::vector<TensorAllocator::Block> TensorAllocator::too_many() {
  size_t count = 0;
  for (; count < kept_.size() && bytes_in_use_ + bytes_kept_ > most_in_use_; ++count)
    bytes_kept_ -= kept_[count].bytes;
  std::vector<Block> old(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
  return old;
}

void* TensorAllocator::take(size_t bytes) {
  std::vector<Block> old;
  void* memory = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (recycling_ == 0) return allocate_new(bytes);
    // The newest is the likeliest to be in a cache.
    const auto found =
        std::find_if(kept_.rbegin(), kept_.rend(), [&](const Block& b) { return b.bytes == bytes; });
    if (found != kept_.rend()) {
      memory = found->memory;
      kept_.erase(std::next(found).base());
      bytes_kept_ -= bytes;
    }
    bytes_in_use_ += bytes;
    most_in_use_ = std::max(most_in_use_, bytes_in_use_);
    old = too_many();
  }
  free_all(old);  // before there is more
  if (memory == nullptr) memory = allocate_new(bytes);
  const std::lock_guard lock(mutex_);
  in_use_.emplace(memory, bytes);
  return memory;
}

// Whether the memory is kept; if not, it is to be freed.
bool TensorAllocator::give(void* memory) {
  const std::lock_guard lock(mutex_);
  const auto found = in_use_.find(memory);
  if (found == in_use_.end()) return false;
  const size_t bytes = found->second;
  in_use_.erase(found);
  bytes_in_use_ -= bytes;
  if (recycling_ == 0) return false;
  kept_.push_back({memory, bytes});
  bytes_kept_ += bytes;
  return true;
}

}  // namespace wan::device
