#include "base/io/file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/hmac.h"
#include "base/io/descriptor.h"

namespace wan {
namespace {

constexpr size_t kLargestRead = size_t{1} << 40;  // keeps the arithmetic with "no limit" from overflowing

std::string hex_suffix() {
  const std::string bytes = random_bytes(8);
  return to_hex(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

Status sync_folder(const std::filesystem::path& folder) {
  WAN_TRY(const Descriptor descriptor, open_file(folder, O_RDONLY | O_DIRECTORY));
  if (::fsync(descriptor.get()) != 0) return fail(from_errno(errno, "sync " + folder.string()));
  return {};
}

Status write_and_rename(const std::filesystem::path& temporary, const std::filesystem::path& file,
                        std::string_view bytes, unsigned mode) {
  WAN_TRY(Descriptor descriptor, open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  if (auto written = write_all(descriptor.get(), bytes); !written) {
    return fail(written.error().with_context("write " + file.string()));
  }
  if (::fsync(descriptor.get()) != 0 || descriptor.close() != 0) {
    return fail(from_errno(errno, "write " + file.string()));
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0)
    return fail(from_errno(errno, "rename to " + file.string()));
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file, size_t max_bytes) {
  max_bytes = std::min(max_bytes, kLargestRead);
  WAN_TRY(const Descriptor descriptor, open_file(file, O_RDONLY));
  struct stat information{};
  if (::fstat(descriptor.get(), &information) != 0) return fail(from_errno(errno, "read " + file.string()));
  std::string bytes;
  // Pipes and /proc have no size: read until the end, one byte past the limit at most.
  size_t capacity = std::min(std::max<size_t>(static_cast<size_t>(information.st_size), 4096), max_bytes) + 1;
  for (;;) {
    const size_t old = bytes.size();
    bytes.resize(capacity);
    const ssize_t count = ::read(descriptor.get(), bytes.data() + old, capacity - old);
    bytes.resize(old + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno != EINTR) return fail(from_errno(errno, "read " + file.string()));
    if (count == 0) return bytes;
    if (bytes.size() > max_bytes) {
      return fail({ErrorCode::kResourceExhausted,
                   file.string() + " is larger than the limit of " + std::to_string(max_bytes) + " bytes"});
    }
    if (bytes.size() == capacity) capacity = std::min(capacity * 2, max_bytes + 1);
  }
}

Status write_file_atomically(const std::filesystem::path& file, std::string_view bytes, unsigned mode) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const std::filesystem::path temporary =
      folder / ("." + file.filename().string() + "." + hex_suffix() + ".tmp");
  Status status = write_and_rename(temporary, file, bytes, mode);
  if (!status) {
    ::unlink(temporary.c_str());
    return status;
  }
  return sync_folder(folder);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& file) {
  WAN_TRY(const Descriptor descriptor, open_file(file, O_RDONLY));
  struct stat information{};
  if (::fstat(descriptor.get(), &information) != 0) return fail(from_errno(errno, "map " + file.string()));
  if (!S_ISREG(information.st_mode)) return fail(invalid_argument(file.string() + " is not a regular file"));
  const auto size = static_cast<size_t>(information.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(nullptr, 0));
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (address == MAP_FAILED) return fail(from_errno(errno, "map " + file.string()));
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const std::byte*>(address), size));
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace wan
