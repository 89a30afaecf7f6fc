// Memory for one thread that makes and drops millions of small objects: freed blocks wait in lists by size
// and are never given back. A third of a run would be spent in malloc otherwise. Not under a sanitizer, which
// brings its own.

#include <array>
#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
namespace {

constexpr size_t kGrain = 16;
constexpr size_t kLargest = 1024;
constexpr size_t kSlab = 1u << 20;

// Before each block; its list while it is free.
union alignas(kGrain) Header {
  size_t list;
  Header* next;
};

struct Pool {
  std::array<Header*, kLargest / kGrain + 1> free{};
  std::byte* slab = nullptr;
  size_t left = 0;
};
thread_local constinit Pool pool;

void* carve(size_t list) {
  const size_t bytes = sizeof(Header) + list * kGrain;
  if (pool.left < bytes) {
    pool.slab = static_cast<std::byte*>(std::malloc(kSlab));
    if (pool.slab == nullptr) throw std::bad_alloc();
    pool.left = kSlab;
  }
  auto* header = reinterpret_cast<Header*>(pool.slab);
  pool.slab += bytes;
  pool.left -= bytes;
  return header;
}

}  // namespace

void* operator new(size_t size) {
  const size_t list = (size + kGrain - 1) / kGrain;
  Header* header = nullptr;
  if (list >= pool.free.size()) {
    header = static_cast<Header*>(std::malloc(sizeof(Header) + size));
    if (header == nullptr) throw std::bad_alloc();
  } else if (pool.free[list] != nullptr) {
    header = pool.free[list];
    pool.free[list] = header->next;
  } else {
    header = static_cast<Header*>(carve(list));
  }
  header->list = list;
  return header + 1;
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  Header* header = static_cast<Header*>(block) - 1;
  const size_t list = header->list;
  if (list >= pool.free.size()) return std::free(header);
  header->next = pool.free[list];
  pool.free[list] = header;
}

void operator delete(void* block, size_t) noexcept { operator delete(block); }
#endif
