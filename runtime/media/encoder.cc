#include "runtime/media/encoder.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wan::media {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "wan-media";
constexpr size_t kMaxErrorText = 4096;

std::vector<std::string> arguments(const fs::path& program, const VideoSettings& settings,
                                   const fs::path& output) {
  const auto number = [](int value) { return std::to_string(value); };
  return {program.string(), "encode",
          "--width",        number(settings.width),
          "--height",       number(settings.height),
          "--frames",       number(settings.frames),
          "--fps",          number(settings.fps),
          "--crf",          number(settings.crf),
          "--threads",      number(settings.threads),
          "--output",       output.string()};
}

std::string read_text(int descriptor) {
  std::string text(kMaxErrorText, '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(descriptor, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  text.resize(filled);
  return text;
}

bool is_program(const fs::path& file) { return ::access(file.c_str(), X_OK) == 0; }

}  // namespace

// Says what movie_writer.cc and picture_writer.cc do: a change there must show here.
std::string encoder_id(VideoFormat format, int crf, int threads) {
  const std::string planes = " threads " + std::to_string(threads) + " yuv420p bt709 limited";
  switch (format) {
    case VideoFormat::kMp4: return "libx264 medium crf " + std::to_string(crf) + planes;
    case VideoFormat::kWebm: return "libvpx-vp9 good 2 crf 18" + planes;
    case VideoFormat::kGif: return "gif median-cut bayer-8";
    case VideoFormat::kPng:
    case VideoFormat::kPngFolder: return "png rgb24";
  }
  return "";
}

Result<fs::path> find_media_program(const fs::path& wanted) {
  if (!wanted.empty()) {
    if (is_program(wanted)) return wanted;
    return fail(not_found("media program " + wanted.string() + ": not there or not executable"));
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error && is_program(self.parent_path() / kProgram)) return self.parent_path() / kProgram;
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const fs::path candidate = fs::path(rest.substr(0, end)) / kProgram;
    if (end > 0 && is_program(candidate)) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(not_found("wan-media is neither beside " + self.string() + " nor in $PATH; it writes the mp4"));
}

Result<std::unique_ptr<VideoEncoder>> VideoEncoder::start(const fs::path& program,
                                                          const VideoSettings& settings,
                                                          const fs::path& output) {
  WAN_TRY(Child child, start_child(arguments(program, settings, output), false));
  return std::unique_ptr<VideoEncoder>(new VideoEncoder(std::move(child)));
}

VideoEncoder::~VideoEncoder() {
  child_.input.close();  // the process sees a short input, removes its file and ends
  if (child_.process >= 0) wait_for_child(child_);
}

Status VideoEncoder::write(std::span<const std::byte> rgb) {
  while (!rgb.empty()) {
    const ssize_t sent = ::send(child_.input.get(), rgb.data(), rgb.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return fail(failure());
    if (sent < 0) return fail(from_errno(errno, "sending frames to wan-media"));
    rgb = rgb.subspan(static_cast<size_t>(sent));
  }
  return {};
}

Status VideoEncoder::finish() {
  child_.input.close();
  std::string text = read_text(child_.errors.get());
  const int status = wait_for_child(child_);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(internal_error(describe_failure(status, std::move(text))));
}

Error VideoEncoder::failure() {
  const Status status = finish();
  return status ? internal_error("wan-media ended before the last frame") : status.error();
}

}  // namespace wan::media
