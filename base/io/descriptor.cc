#include "base/io/descriptor.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace wan {

int Descriptor::close() {
  const int number = std::exchange(number_, -1);
  return number < 0 ? 0 : ::close(number);
}

Result<Descriptor> open_file(const std::filesystem::path& file, int flags, unsigned mode) {
  Descriptor descriptor(::open(file.c_str(), flags | O_CLOEXEC, mode));
  if (!descriptor.is_open()) return fail(from_errno(errno, "open " + file.string()));
  return descriptor;
}

Status write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return fail(from_errno(errno, "write"));
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

}  // namespace wan
