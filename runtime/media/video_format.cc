#include "runtime/media/video_format.h"

#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace wan::media {
namespace {

namespace fs = std::filesystem;

constexpr std::array kEndings = {
    std::pair<std::string_view, VideoFormat>{".mp4", VideoFormat::kMp4},
    std::pair<std::string_view, VideoFormat>{".webm", VideoFormat::kWebm},
    std::pair<std::string_view, VideoFormat>{".gif", VideoFormat::kGif},
    std::pair<std::string_view, VideoFormat>{".png", VideoFormat::kPng},
};
constexpr std::string_view kAllowed =
    "allowed: .mp4, .webm, .gif, .png for a single frame, or a folder (NAME/) for one PNG a frame";

Error refused(const fs::path& output, const std::string& why) {
  return invalid_argument("output: " + output.string() + " " + why);
}

Result<VideoFormat> folder_format(const fs::path& output) {
  std::error_code error;
  if (fs::exists(output, error) && !fs::is_empty(output, error)) {
    return fail(refused(output,
                        "is a folder with files in it; name a new or empty folder for one PNG a frame, "
                        "or a file such as " +
                            (output / "video.mp4").string()));
  }
  return VideoFormat::kPngFolder;
}

}  // namespace

Result<VideoFormat> video_format(const fs::path& output, int frames) {
  std::error_code ignored;
  if (!output.has_filename() || fs::is_directory(output, ignored)) return folder_format(output);
  std::string ending = output.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const auto& [known, format] : kEndings) {
    if (ending != known) continue;
    if (format != VideoFormat::kPng || frames == 1) return format;
    return fail(refused(output, "holds one picture and the video has " + std::to_string(frames) +
                                    " frames; " + std::string(kAllowed)));
  }
  const std::string what = ending.empty() ? "has no ending that names a format" : "ends in " + ending;
  return fail(refused(output, what + "; " + std::string(kAllowed)));
}

std::string_view codec_name(VideoFormat format) {
  switch (format) {
    case VideoFormat::kMp4: return "h264";
    case VideoFormat::kWebm: return "vp9";
    case VideoFormat::kGif: return "gif";
    case VideoFormat::kPng:
    case VideoFormat::kPngFolder: return "png";
  }
  return "";
}

}  // namespace wan::media
