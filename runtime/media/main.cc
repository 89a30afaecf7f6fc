// wan-media: raw RGB frames to an mp4, images to RGB. A program of its own, so that FFmpeg and x264 (GPL) are
// linked into nothing else, and a crash in a codec takes nothing else down.

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "base/result.h"
#include "runtime/media/decode.h"
#include "runtime/media/encode.h"

namespace {

using namespace wan;

void add_encode(CLI::App& app, media::EncodeOptions& options) {
  auto* command = app.add_subcommand("encode", "raw RGB24 frames on standard input to a video or PNGs");
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
  command->add_option("--crf", options.video.crf, "quality of an mp4, smaller is better")
      ->check(CLI::Range(0, 51));
  command->add_option("--threads", options.video.threads, "encoder threads; part of what decides the bytes")
      ->check(CLI::Range(1, 64));
  command
      ->add_option("--output", options.output,
                   ".mp4, .webm, .gif, .png for one frame, or a new folder/ for one PNG a frame")
      ->required();
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
  std::signal(SIGXFSZ, SIG_IGN);  // a file above the limit of its size is an error of its write
  CLI::App app(
      "wan-media: frames to video files, images to pixels\nExit codes: 0 done; 1 it failed; 2 bad flags.");
  app.require_subcommand(1);
  media::EncodeOptions options;
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
  const Status status = media::run_encode(options);
  if (!status) std::cerr << "wan-media: " << status.error().message << "\n";
  return status ? 0 : 1;
}
