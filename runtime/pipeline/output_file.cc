#include "runtime/pipeline/output_file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "base/crypto/sha256.h"
#include "base/io/file.h"
#include "runtime/media/video_format.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;

// "videos/" has its parent in ".", not in "videos".
fs::path parent_of(const fs::path& output) {
  const fs::path path = output.has_filename() ? output : output.parent_path();
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

std::vector<fs::path> files_of(const fs::path& output) {
  if (!fs::is_directory(output)) return {output};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(output)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

media::VideoFormat format_of_written(const fs::path& output) {
  if (fs::is_directory(output)) return media::VideoFormat::kPngFolder;
  return media::video_format(output, 1).value_or(media::VideoFormat::kMp4);
}

}  // namespace

Status check_output(const fs::path& output, int frames) {
  const fs::path folder = parent_of(output);
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return fail(
        invalid_argument("output: the folder " + folder.string() + " does not exist; create it first"));
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    return fail(invalid_argument("output: the folder " + folder.string() + " cannot be written to (" +
                                 std::system_category().message(errno) + "); name another one"));
  }
  WAN_TRY([[maybe_unused]] const auto format, media::video_format(output, frames));
  return {};
}

bool is_picture(const fs::path& output) {
  const auto format = media::video_format(output, 1);
  return format && (*format == media::VideoFormat::kPng || *format == media::VideoFormat::kPngFolder);
}

Status describe_output(const fs::path& output, GenerationResult& result) {
  Sha256 digest;
  result.bytes = 0;
  for (const fs::path& file : files_of(output)) {
    WAN_TRY(const auto mapped, MappedFile::open(file));
    digest.update(mapped->bytes());
    result.bytes += static_cast<int64_t>(mapped->bytes().size());
  }
  result.sha256 = digest.finish_digest();
  result.codec = media::codec_name(format_of_written(output));
  result.file = output;
  return {};
}

}  // namespace wan::pipeline
