// Frames as PNGs: one file, or a folder of them.

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <png.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/io/descriptor.h"
#include "runtime/media/frame_writer.h"

namespace wan::media {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxPng = size_t{1} << 30;

// Tagged as sRGB.
Result<std::vector<uint8_t>> to_png(std::span<const uint8_t> rgb, const FrameSettings& settings) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(settings.width);
  image.height = static_cast<png_uint_32>(settings.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  if (size > kMaxPng) return fail(invalid_argument("a frame too large for a PNG"));
  std::vector<uint8_t> bytes(size);
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, rgb.data(), 0, nullptr)) {
    return fail(internal_error(std::string("writing a PNG: ") + image.message));
  }
  bytes.resize(size);
  return bytes;
}

Status write_picture(const fs::path& file, std::span<const uint8_t> png) {
  WAN_TRY(const Descriptor opened, open_file(file, O_WRONLY | O_CREAT | O_TRUNC));
  const auto status = write_all(opened.get(), {reinterpret_cast<const char*>(png.data()), png.size()});
  if (!status) return fail(status.error().with_context(file.string()));
  if (::fsync(opened.get()) != 0) return fail(from_errno(errno, file.string()));
  return {};
}

class PictureWriter final : public FrameWriter {
 public:
  PictureWriter(fs::path path, bool is_folder, const FrameSettings& settings)
      : path_(std::move(path)), is_folder_(is_folder), settings_(settings) {}

  Status write(std::span<const uint8_t> rgb) override {
    WAN_TRY(const auto png, to_png(rgb, settings_));
    return write_picture(next_file(), png);
  }
  Status finish() override { return {}; }

 private:
  fs::path next_file() {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "%04d.png", ++count_);
    return is_folder_ ? path_ / name.data() : path_;
  }

  fs::path path_;
  bool is_folder_;
  FrameSettings settings_;
  int count_ = 0;
};

}  // namespace

Result<std::unique_ptr<FrameWriter>> open_pictures(const fs::path& path, VideoFormat format,
                                                   const FrameSettings& settings) {
  std::error_code error;
  const bool is_folder = format == VideoFormat::kPngFolder;
  if (is_folder && !fs::create_directory(path, error)) return fail(from_errno(error.value(), path.string()));
  return std::make_unique<PictureWriter>(path, is_folder, settings);
}

}  // namespace wan::media
