#include <algorithm>
#include <array>
#include <cstring>
#include <png.h>
#include <span>
#include <vector>

#include "runtime/media/image_codecs.h"

namespace wan::media {
namespace {

constexpr unsigned kMaxChunks = 1000, kMaxChunkBytes = 8u << 20;  // of those that carry no pixels

// NOLINTBEGIN(cert-err52-cpp): libpng, which is C, leaves by longjmp.
// A function that calls setjmp has no object with a destructor of its own.
class PngFile {
 public:
  explicit PngFile(std::span<const uint8_t> bytes) : rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
  }
  ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;

  // Up to the first pixels; sides are known afterwards.
  bool read_header() {
    if (!info_ || setjmp(png_jmpbuf(png_))) return false;
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // make_image decides
    png_set_chunk_cache_max(png_, kMaxChunks);
    png_set_chunk_malloc_max(png_, kMaxChunkBytes);
    png_set_read_fn(png_, this, on_read);
    png_read_info(png_, info_);
    return true;
  }
  bool read_rows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_strip_16(png_);
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != size_t{3} * width()) png_error(png_, "unexpected kind of pixels");
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  [[nodiscard]] uint32_t width() const { return png_get_image_width(png_, info_); }
  [[nodiscard]] uint32_t height() const { return png_get_image_height(png_, info_); }
  [[nodiscard]] Error error() const { return unreadable("a PNG", message_.data()); }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto& self = *static_cast<PngFile*>(png_get_error_ptr(png));
    const size_t length = std::min(std::strlen(message), self.message_.size() - 1);
    std::copy_n(message, length, self.message_.begin());
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, size_t count) {
    auto& self = *static_cast<PngFile*>(png_get_io_ptr(png));
    if (count > self.rest_.size()) png_error(png, "it ends early");
    std::copy_n(self.rest_.begin(), count, out);
    self.rest_ = self.rest_.subspan(count);
  }

  std::span<const uint8_t> rest_;
  std::array<char, 160> message_ = {'n', 'o', ' ', 'm', 'e', 'm', 'o', 'r', 'y'};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};
// NOLINTEND(cert-err52-cpp)

}  // namespace

Result<Image> read_png(std::span<const uint8_t> bytes, int64_t max_pixels) {
  PngFile file(bytes);
  if (!file.read_header()) return fail(file.error());
  WAN_TRY(Image image, make_image(file.width(), file.height(), max_pixels));
  std::vector<png_bytep> rows;
  for (ptrdiff_t y = 0; y < image.height; ++y) rows.push_back(image.rgb.data() + 3 * y * image.width);
  if (!file.read_rows(rows.data())) return fail(file.error());
  return image;
}

}  // namespace wan::media
