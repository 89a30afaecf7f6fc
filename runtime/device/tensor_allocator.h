#pragma once
// What is special about the memory of large tensors while a component runs.

#include <atomic>
#include <c10/core/Allocator.h>
#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace wan::device {

// torch's allocator for the CPU, to which it leaves all small tensors.
//
// While it recycles, memory of large ones that is freed is kept for the next of the same size. What is kept
// and what is in use together are never more than what was once in use: so nothing is kept that would make
// the process larger.
//
// While it takes large pages, new memory of large tensors comes in pages of 2 MiB where the system has them:
// rows of several kilobytes lie on a small page each, and to look up those of a tile's sixteen rows takes the
// transformer some percent of its time. Not for memory that comes and goes: the VAE was slower with it.
class TensorAllocator final : public c10::Allocator {
 public:
  // That of a process; becomes torch's allocator the first time.
  [[nodiscard]] static TensorAllocator& installed();

  // With true, and with false for the end of that. At the last end what is kept goes back to the system.
  void recycle(bool on);
  void take_large_pages(bool on) { large_pages_ += on ? 1 : -1; }

  c10::DataPtr allocate(size_t bytes) override;
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, size_t bytes) const override;

 private:
  struct Block {
    void* memory;
    size_t bytes;
  };
  static void release(void* memory);
  [[nodiscard]] void* allocate_new(size_t bytes) const;
  void* take(size_t bytes);
  bool give(void* memory);
  [[nodiscard]] std::vector<Block> too_many();

  std::atomic<int> large_pages_ = 0;
  std::mutex mutex_;
  int recycling_ = 0;
  std::unordered_map<void*, size_t> in_use_;
  std::vector<Block> kept_;  // the oldest first
  size_t bytes_in_use_ = 0, bytes_kept_ = 0, most_in_use_ = 0;
};

}  // namespace wan::device
