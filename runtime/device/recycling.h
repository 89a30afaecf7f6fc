#pragma once
// Tensors' memory that is used again without ever being more: for components that ask for the same large
// sizes over and over.

#include <c10/core/Allocator.h>
#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace wan::device {

// torch's allocator for the CPU, to which it leaves all small tensors. While it recycles, memory of large
// ones that is freed is kept for the next of the same size. What is kept and what is in use together are
// never more than what was once in use: so nothing is kept that would make the process larger.
class RecyclingAllocator final : public c10::Allocator {
 public:
  // Those of a process; becomes torch's allocator the first time.
  [[nodiscard]] static RecyclingAllocator& installed();

  // Between start() and the stop() that belongs to it. What is kept goes back to the system at the last stop.
  void start();
  void stop();

  c10::DataPtr allocate(size_t bytes) override;
  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, size_t bytes) const override;

 private:
  struct Block {
    void* memory;
    size_t bytes;
  };
  static void release(void* memory);
  void* take(size_t bytes);
  bool give(void* memory);
  [[nodiscard]] std::vector<Block> too_many();

  std::mutex mutex_;
  int users_ = 0;
  std::unordered_map<void*, size_t> in_use_;
  std::vector<Block> kept_;  // the oldest first
  size_t bytes_in_use_ = 0, bytes_kept_ = 0, most_in_use_ = 0;
};

}  // namespace wan::device
