// wan-media: raw RGB frames to an mp4, images to RGB. A program of its own, so that FFmpeg and x264 (GPL) are
// linked into nothing else, and a crash in a codec takes nothing else down.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <unistd.h>
#include <vector>

#include "base/result.h"
#include "runtime/media/decode.h"
#include "runtime/media/mp4_writer.h"

namespace {

namespace fs = std::filesystem;
using namespace wan;

struct Options {
  media::Mp4Settings video;
  int frames = 0;
  fs::path output;
};

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

Status encode_frames(const Options& options, media::Mp4Writer& writer) {
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

// The output's name appears only when the file is complete.
Status encode(const Options& options) {
  const fs::path temporary = options.output.parent_path() / ("." + options.output.filename().string() + "." +
                                                             std::to_string(::getpid()) + ".tmp");
  const auto run = [&]() -> Status {
    WAN_TRY(const auto writer, media::open_mp4(temporary, options.video));
    WAN_TRY_VOID(encode_frames(options, *writer));
    WAN_TRY_VOID(sync_file(temporary));
    if (::rename(temporary.c_str(), options.output.c_str()) != 0) {
      return fail(from_errno(errno, options.output.string()));
    }
    return {};
  };
  const Status status = run();
  std::error_code ignored;
  if (!status) fs::remove(temporary, ignored);
  return status;
}

void add_encode(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("encode", "raw RGB24 frames on standard input to an H.264 mp4");
  command->add_option("--width", options.video.width, "pixels, even")
      ->required()
      ->check(CLI::Range(16, 8192));
  command->add_option("--height", options.video.height, "pixels, even")
      ->required()
      ->check(CLI::Range(16, 8192));
  command->add_option("--frames", options.frames, "exactly so many are read")
      ->required()
      ->check(CLI::Range(1, 100000));
  command->add_option("--fps", options.video.fps, "frames a second")->required()->check(CLI::Range(1, 240));
  command->add_option("--crf", options.video.crf, "quality, smaller is better")->check(CLI::Range(0, 51));
  command->add_option("--threads", options.video.threads, "encoder threads; part of what decides the bytes")
      ->check(CLI::Range(1, 64));
  command->add_option("--output", options.output, "the mp4")->required();
  command->footer(
      "Example: wan-media encode --width 96 --height 96 --frames 17 --fps 16 --output a.mp4 < frames.rgb");
}

CLI::App* add_decode(CLI::App& app, media::DecodeOptions& options) {
  auto* command =
      app.add_subcommand("decode", "a PNG, JPEG or WebP on standard input to a PPM on standard output");
  command->add_option("--max-bytes", options.max_bytes, "of the file")->check(CLI::Range(1, 1 << 30));
  command->add_option("--max-pixels", options.max_pixels, "width times height")
      ->check(CLI::Range(1, 1 << 28));
  command->footer(
      "Example: wan-media decode < photo.jpg > photo.ppm\n"
      "Exit codes: 3 no such image or a damaged one; 4 over a limit.");
  return command;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "wan-media: frames to video files, images to pixels\nExit codes: 0 done; 1 it failed; 2 bad flags.");
  app.require_subcommand(1);
  Options options;
  add_encode(app, options);
  media::DecodeOptions image;
  const CLI::App* decode = add_decode(app, image);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (decode->parsed()) media::run_decode(image);
  if (options.video.width % 2 != 0 || options.video.height % 2 != 0) {
    std::cerr << "wan-media: width and height must be even\n";
    return 2;
  }
  const Status status = encode(options);
  if (!status) std::cerr << "wan-media: " << status.error().message << "\n";
  return status ? 0 : 1;
}
