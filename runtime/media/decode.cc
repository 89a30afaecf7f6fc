#include "runtime/media/decode.h"

#include <cerrno>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/io/descriptor.h"
#include "runtime/media/decode_exit.h"
#include "runtime/media/image_reader.h"
#include "runtime/media/ppm.h"
#include "runtime/media/sandbox.h"

namespace wan::media {
namespace {

constexpr size_t kFirstRead = size_t{64} << 10;

Result<std::vector<uint8_t>> read_input(size_t max_bytes) {
  std::vector<uint8_t> bytes;
  for (size_t filled = 0;;) {
    if (filled == bytes.size()) bytes.resize(std::min(std::max(2 * filled, kFirstRead), max_bytes + 1));
    const ssize_t got = ::read(STDIN_FILENO, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(from_errno(errno, "reading the image"));
    filled += static_cast<size_t>(got);
    if (filled > max_bytes) {
      return fail({ErrorCode::kResourceExhausted,
                   "more than the allowed " + std::to_string(max_bytes) + " bytes; make it smaller"});
    }
    if (got > 0) continue;
    bytes.resize(filled);
    return bytes;
  }
}

Status decode(const DecodeOptions& options) {
  WAN_TRY_VOID(enter_decoder_sandbox());
  WAN_TRY(const std::vector<uint8_t> bytes, read_input(options.max_bytes));
  WAN_TRY(const Image image, read_image(bytes, options.max_pixels));
  WAN_TRY_VOID(write_all(STDOUT_FILENO, ppm_header(image.width, image.height)));
  return write_all(STDOUT_FILENO, {reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()});
}

int exit_code(ErrorCode code) {
  if (code == ErrorCode::kInvalidArgument) return kImageRefused;
  return code == ErrorCode::kResourceExhausted ? kImageTooLarge : 1;
}

}  // namespace

void run_decode(const DecodeOptions& options) {
  const Status status = decode(options);
  if (status) ::_exit(0);
  [[maybe_unused]] const Status said =
      write_all(STDERR_FILENO, "wan-media: " + status.error().message + "\n");
  ::_exit(exit_code(status.error().code));
}

}  // namespace wan::media
