#pragma once
// How much memory there is in all, on the host and on the device: never how much is free now.

#include <c10/core/Device.h>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace wan::device {

// Bytes this process may ever have: the machine's memory, or its cgroup's limit where that is lower. `root`
// is
// "/", another one in tests.
[[nodiscard]] int64_t host_memory(const std::filesystem::path& root = "/");

// Bytes of a CUDA device; nothing for the CPU, or where the CUDA runtime does not say.
[[nodiscard]] std::optional<int64_t> device_memory(const c10::Device& device);

// While it lives, freed tensors of half a megabyte or more go back to the system, or to the next of the same
// size where that makes the process no larger (tensor_allocator.h). Otherwise the C library keeps them for
// the next ones, and where tensors of many sizes live for different times the holes between them come to a
// third of all: measured on the VAE at 256x256, 1,058 MiB against 686.
class FrugalAllocations {
 public:
  FrugalAllocations();
  ~FrugalAllocations();
  FrugalAllocations(const FrugalAllocations&) = delete;
  FrugalAllocations& operator=(const FrugalAllocations&) = delete;
};

// While it lives, new memory of large tensors comes in large pages where there are some (tensor_allocator.h).
class LargePages {
 public:
  LargePages();
  ~LargePages();
  LargePages(const LargePages&) = delete;
  LargePages& operator=(const LargePages&) = delete;
};

// The other way round: while one lives, what is freed stays with the process, of any size, for the next
// allocations. Otherwise each large tensor is new memory, which the system has to zero and to map page by
// page: 5 % of the transformer's time at 4,096 tokens, whose blocks all ask for the same sizes in the same
// order. It comes in large pages. Programs that link this have one
// heap for all threads: a thread's own could not hold large tensors.
class KeptAllocations {
 public:
  KeptAllocations();
  ~KeptAllocations();
  KeptAllocations(const KeptAllocations&) = delete;
  KeptAllocations& operator=(const KeptAllocations&) = delete;

 private:
  LargePages large_pages_;
};

// All that was freed and kept until now goes back as well: some milliseconds.
void give_back_freed_memory();

}  // namespace wan::device
