#pragma once
// What kind of file a video becomes; its name decides.

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace wan::media {

enum class VideoFormat {
  kMp4,        // H.264
  kWebm,       // VP9
  kGif,        // 256 colours a frame
  kPng,        // one picture
  kPngFolder,  // 0001.png, 0002.png ... in a folder
};

// By the ending of the name, in any case; a name that ends in "/" or an existing folder is a kPngFolder.
// Errors are kInvalidArgument, name the field `output` and list what is allowed: another ending, a .png for
// several frames, a folder that is not empty.
[[nodiscard]] Result<VideoFormat> video_format(const std::filesystem::path& output, int frames);

// As in a result's `codec`: h264, vp9, gif, png.
[[nodiscard]] std::string_view codec_name(VideoFormat format);

}  // namespace wan::media
