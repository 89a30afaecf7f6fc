#include "runtime/media/encode.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "runtime/media/sandbox.h"

namespace wan::media {
namespace {

namespace fs = std::filesystem;

// Fills `buffer` from standard input; the number of bytes is short only at the end.
Result<size_t> read_full(std::vector<uint8_t>& buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(from_errno(errno, "reading frames"));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

Status encode_frames(const EncodeOptions& options, FrameWriter& writer) {
  std::vector<uint8_t> frame(static_cast<size_t>(3) * options.video.width * options.video.height);
  for (int i = 0; i < options.frames; ++i) {
    WAN_TRY(const size_t got, read_full(frame));
    if (got != frame.size()) {
      return fail(corrupt("the input ended in frame " + std::to_string(i + 1) + " of " +
                          std::to_string(options.frames)));
    }
    WAN_TRY_VOID(writer.write(frame));
  }
  frame.resize(1);
  WAN_TRY(const size_t more, read_full(frame));
  if (more != 0)
    return fail(corrupt("the input has more than " + std::to_string(options.frames) + " frames"));
  return writer.finish();
}

Status sync_file(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(from_errno(errno, file.string()));
  const int code = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (code != 0) return fail(from_errno(error, file.string()));
  return {};
}

Result<std::unique_ptr<FrameWriter>> open_writer(const fs::path& path, VideoFormat format,
                                                 const FrameSettings& settings) {
  const bool pictures = format == VideoFormat::kPng || format == VideoFormat::kPngFolder;
  return pictures ? open_pictures(path, format, settings) : open_movie(path, format, settings);
}

// A hidden neighbour of the output.
fs::path temporary_name(const fs::path& output) {
  const fs::path path = output.has_filename() ? output : output.parent_path();
  return path.parent_path() / ("." + path.filename().string() + "." + std::to_string(::getpid()) + ".tmp");
}

Status write_complete(const EncodeOptions& options, VideoFormat format, const fs::path& temporary) {
  WAN_TRY(const auto writer, open_writer(temporary, format, options.video));
  WAN_TRY_VOID(encode_frames(options, *writer));
  WAN_TRY_VOID(sync_file(temporary));
  if (::rename(temporary.c_str(), options.output.c_str()) != 0) {
    return fail(from_errno(errno, options.output.string()));
  }
  return {};
}

}  // namespace

Status run_encode(const EncodeOptions& options) {
  WAN_TRY(const VideoFormat format, video_format(options.output, options.frames));
  const fs::path temporary = temporary_name(options.output);
  enter_encoder_sandbox();
  const Status status = write_complete(options, format, temporary);
  std::error_code ignored;
  if (status) return status;
  fs::remove_all(temporary, ignored);
  return fail(status.error().with_context("output " + options.output.string()));
}

}  // namespace wan::media
