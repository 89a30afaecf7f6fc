#include "runtime/media/image_decoder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "runtime/media/child.h"
#include "runtime/media/decode_exit.h"
#include "runtime/media/ppm.h"

namespace wan::media {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxErrorText = 4096;
constexpr size_t kReadBytes = size_t{256} << 10;
constexpr std::string_view kSpeaker = "wan-media: ";

Error too_many_bytes(size_t bytes, const ImageLimits& limits) {
  return {ErrorCode::kResourceExhausted, std::to_string(bytes) + " bytes; allowed: at most " +
                                             std::to_string(limits.max_bytes) + " bytes; make it smaller"};
}

// One decoding process: bytes in, picture and error text out, none of which may wait for another.
class Decoding {
 public:
  Decoding(Child child, std::span<const uint8_t> bytes, const ImageLimits& limits)
      : child_(std::move(child)), rest_(bytes), receiver_(limits.max_pixels), limits_(limits) {
    for (const Descriptor* end : {&child_.input, &child_.output, &child_.errors}) {
      ::fcntl(end->get(), F_SETFL, ::fcntl(end->get(), F_GETFL) | O_NONBLOCK);
    }
  }
  ~Decoding() {
    if (child_.process < 0) return;
    ::kill(child_.process, SIGKILL);
    wait_for_child(child_);
  }
  Decoding(const Decoding&) = delete;
  Decoding& operator=(const Decoding&) = delete;

  Result<Image> run() {
    const auto end = Clock::now() + limits_.deadline;
    while (child_.output.is_open() || child_.errors.is_open()) WAN_TRY_VOID(step(end));
    const int status = wait_for_child(child_);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return receiver_.finish();
    return fail(failure(status));
  }

 private:
  Status step(Clock::time_point end) {
    std::array<pollfd, 3> ends = {pollfd{child_.input.get(), POLLOUT, 0},
                                  {child_.output.get(), POLLIN, 0},
                                  {child_.errors.get(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    const int ready = left > 0 ? ::poll(ends.data(), ends.size(), static_cast<int>(left)) : 0;
    if (ready < 0 && errno != EINTR) return fail(from_errno(errno, "waiting for wan-media"));
    if (ready == 0) return fail({ErrorCode::kDeadlineExceeded, late()});
    if (ready < 0) return {};
    if (ends[0].revents) send();
    if (ends[1].revents) WAN_TRY_VOID(receive());
    if (ends[2].revents) listen();
    return {};
  }

  void send() {
    const ssize_t sent = ::send(child_.input.get(), rest_.data(), rest_.size(), MSG_NOSIGNAL);
    if (sent > 0) rest_ = rest_.subspan(static_cast<size_t>(sent));
    const bool dead = sent < 0 && errno != EAGAIN && errno != EINTR;  // its exit says why
    if (rest_.empty() || dead) child_.input.close();
  }

  // The number of bytes read into buffer_; closes `end` when there will be no more.
  size_t read_from(Descriptor& end) {
    const ssize_t got = ::read(end.get(), buffer_.data(), buffer_.size());
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) end.close();
    return got > 0 ? static_cast<size_t>(got) : 0;
  }
  Status receive() {
    const size_t got = read_from(child_.output);
    return receiver_.append(std::span<const uint8_t>(buffer_).first(got));
  }
  void listen() {
    const size_t got = std::min(read_from(child_.errors), kMaxErrorText - errors_.size());
    errors_.append(reinterpret_cast<const char*>(buffer_.data()), got);
  }

  [[nodiscard]] std::string late() const {
    return "decoding it took longer than " + std::to_string(limits_.deadline.count()) +
           " ms; make it smaller";
  }

  [[nodiscard]] Error failure(int status) const {
    std::string text = describe_failure(status, errors_);
    if (text.starts_with(kSpeaker)) text.erase(0, kSpeaker.size());
    if (WIFEXITED(status) && WEXITSTATUS(status) == kImageRefused) return invalid_argument(std::move(text));
    if (WIFEXITED(status) && WEXITSTATUS(status) == kImageTooLarge) {
      return {ErrorCode::kResourceExhausted, std::move(text)};
    }
    return internal_error(std::move(text));
  }

  Child child_;
  std::span<const uint8_t> rest_;
  PpmReceiver receiver_;
  ImageLimits limits_;
  std::string errors_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(kReadBytes);
};

Result<Image> decode(const fs::path& program, std::span<const uint8_t> bytes, const ImageLimits& limits) {
  if (bytes.size() > limits.max_bytes) return fail(too_many_bytes(bytes.size(), limits));
  WAN_TRY(Child child,
          start_child({program.string(), "decode", "--max-bytes", std::to_string(limits.max_bytes),
                       "--max-pixels", std::to_string(limits.max_pixels)},
                      true));
  return Decoding(std::move(child), bytes, limits).run();
}

Result<Image> in_context(Result<Image> image, const std::string& context) {
  if (!image) return fail(image.error().with_context(context));
  return image;
}

Result<std::vector<uint8_t>> read_regular_file(const fs::path& file, const ImageLimits& limits) {
  // O_NONBLOCK: a named pipe without a writer must not hold us.
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!opened.is_open() || ::fstat(opened.get(), &info) != 0) {
    return fail(invalid_argument(from_errno(errno, "cannot be read").message));
  }
  if (!S_ISREG(info.st_mode)) return fail(invalid_argument("not a regular file"));
  const auto size = static_cast<size_t>(info.st_size);
  if (size > limits.max_bytes) return fail(too_many_bytes(size, limits));
  std::vector<uint8_t> bytes(size);
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::read(opened.get(), bytes.data() + filled, size - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(from_errno(errno, "cannot be read"));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

Result<Image> decode_image(const fs::path& program, std::span<const uint8_t> bytes,
                           const ImageLimits& limits) {
  return in_context(decode(program, bytes, limits), "image");
}

Result<Image> decode_image_file(const fs::path& program, const fs::path& file, const ImageLimits& limits) {
  const std::string context = "image " + file.string();
  const auto bytes = read_regular_file(file, limits);
  if (!bytes) return fail(bytes.error().with_context(context));
  return in_context(decode(program, *bytes, limits), context);
}

}  // namespace wan::media
