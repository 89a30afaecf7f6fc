#pragma once
// Files with Results: whole reads with a limit, atomic writes, read-only maps.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan {

[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& file, size_t max_bytes = 64u << 20);

// Writes to a temporary name in the same folder, syncs, renames: readers see the old bytes or the new, never
// a part. `mode` is that of the new file (0600 for secrets).
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& file, std::string_view bytes,
                                           unsigned mode = 0644);

// A read-only shared map of a whole file. The span lives as long as the object.
class MappedFile {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, size_t size) : data_(data), size_(size) {}
  const std::byte* data_;
  size_t size_;
};

}  // namespace wan
