#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/net/file_body_impl.h"

namespace wan::net {

Result<FileBody> open_body(const std::filesystem::path& path) {
  FileBody body;
  WAN_TRY(body.file, open_file(path, O_RDONLY | O_NONBLOCK));  // a pipe in its place must not block
  struct stat information{};
  if (::fstat(body.file.get(), &information) != 0) return fail(from_errno(errno, "read " + path.string()));
  if (!S_ISREG(information.st_mode)) return fail(invalid_argument(path.string() + " is not a regular file"));
  body.bytes = static_cast<uint64_t>(information.st_size);
  return body;
}

}  // namespace wan::net
