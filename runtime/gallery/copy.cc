#include "runtime/gallery/copy.h"

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <unistd.h>

#include "base/crypto/sha256.h"
#include "base/io/descriptor.h"

namespace wan::gallery {

Result<Copied> copy_and_hash(int from, int to, const BytesSink& sink) {
  constexpr size_t kPiece = 1u << 20;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
  ::posix_fadvise(from, 0, 0, POSIX_FADV_SEQUENTIAL);
  Sha256 hash;
  Copied copied;
  for (;;) {
    const ssize_t count = ::read(from, buffer.get(), kPiece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(from_errno(errno, "read"));
    if (count == 0) break;
    const std::string_view piece(buffer.get(), static_cast<size_t>(count));
    hash.update(piece);
    if (to >= 0) WAN_TRY_VOID(write_all(to, piece));
    copied.bytes += count;
    if (sink) sink(count);
  }
  copied.digest = hash.finish_digest();
  return copied;
}

}  // namespace wan::gallery
