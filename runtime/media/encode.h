#pragma once
// `wan-media encode`: raw RGB24 frames on standard input to a file or a folder of PNGs.

#include <filesystem>

#include "base/result.h"
#include "runtime/media/frame_writer.h"

namespace wan::media {

struct EncodeOptions {
  FrameSettings video;
  int frames = 0;  // exactly so many are read
  std::filesystem::path output;
};

// The output's name appears only when everything under it is complete.
[[nodiscard]] Status run_encode(const EncodeOptions& options);

}  // namespace wan::media
