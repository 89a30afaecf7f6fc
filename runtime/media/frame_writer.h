#pragma once
// Where frames go. The files are complete after finish() succeeded, and their bytes depend on the frames and
// the settings alone. Part of the wan-media program only.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.h"
#include "runtime/media/video_format.h"

namespace wan::media {

struct FrameSettings {
  int width = 0, height = 0;  // even
  int fps = 16;
  int crf = 10;     // of H.264; the other formats have a fixed quality
  int threads = 1;  // changes the bytes
};

class FrameWriter {
 public:
  virtual ~FrameWriter() = default;
  // One frame, height rows of width RGB triples.
  [[nodiscard]] virtual Status write(std::span<const uint8_t> rgb) = 0;
  [[nodiscard]] virtual Status finish() = 0;
};

// Both create `path` (an existing file is overwritten; the folder must not exist).
[[nodiscard]] Result<std::unique_ptr<FrameWriter>> open_movie(const std::filesystem::path& path,
                                                              VideoFormat format,
                                                              const FrameSettings& settings);
[[nodiscard]] Result<std::unique_ptr<FrameWriter>> open_pictures(const std::filesystem::path& path,
                                                                 VideoFormat format,
                                                                 const FrameSettings& settings);

}  // namespace wan::media
