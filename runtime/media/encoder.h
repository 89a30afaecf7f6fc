#pragma once
// Frames to an mp4 by a wan-media process. No FFmpeg here: frames go through a socket, errors come back as
// text.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "runtime/media/child.h"
#include "runtime/media/video_format.h"

namespace wan::media {

struct VideoSettings {
  int width = 0, height = 0;
  int frames = 0;  // exactly so many must be written
  int fps = 16;
  int crf = 10;
  int threads = 1;  // of the encoder; changes the bytes
};

// What of encoder and settings shows in the bytes, for the numerics plan.
[[nodiscard]] std::string encoder_id(VideoFormat format, int crf, int threads);

// `wanted` if set, else wan-media beside this program, else the first in $PATH.
[[nodiscard]] Result<std::filesystem::path> find_media_program(const std::filesystem::path& wanted);

class VideoEncoder {
 public:
  // Starts the process. The file appears under its name only after finish() succeeded.
  [[nodiscard]] static Result<std::unique_ptr<VideoEncoder>> start(const std::filesystem::path& program,
                                                                   const VideoSettings& settings,
                                                                   const std::filesystem::path& output);
  // Ends an unfinished process; its partial file is removed.
  ~VideoEncoder();
  VideoEncoder(const VideoEncoder&) = delete;
  VideoEncoder& operator=(const VideoEncoder&) = delete;

  // Any number of bytes of RGB24, in order. Blocks while the encoder is behind.
  [[nodiscard]] Status write(std::span<const std::byte> rgb);
  // After the last frame: waits until the file is complete.
  [[nodiscard]] Status finish();

 private:
  explicit VideoEncoder(Child child) : child_(std::move(child)) {}
  [[nodiscard]] Error failure();

  Child child_;  // process negative: already waited for
};

}  // namespace wan::media
