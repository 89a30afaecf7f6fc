#pragma once
// RGB frames to an H.264 mp4 whose bytes depend on the frames and the settings alone. Uses FFmpeg; part of
// the wan-media program only.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.h"

namespace wan::media {

struct Mp4Settings {
  int width = 0, height = 0;  // even
  int fps = 16;
  int crf = 10;
  int threads = 1;  // changes the bytes
};

class Mp4Writer {
 public:
  virtual ~Mp4Writer() = default;
  // One frame, height rows of width RGB triples.
  [[nodiscard]] virtual Status write(std::span<const uint8_t> rgb) = 0;
  // Ends the file and moves the index to its front.
  [[nodiscard]] virtual Status finish() = 0;
};

// Creates `file` (an existing one is overwritten); it is complete after finish() succeeded.
[[nodiscard]] Result<std::unique_ptr<Mp4Writer>> open_mp4(const std::filesystem::path& file,
                                                          const Mp4Settings& settings);

}  // namespace wan::media
