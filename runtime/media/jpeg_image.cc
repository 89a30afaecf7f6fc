// clang-format off
#include <cstdio>    // before jpeglib.h, which wants FILE
#include <jpeglib.h>
#include <jerror.h>  // after jpeglib.h: its numbers are those of the version that the latter says
// clang-format on

#include <csetjmp>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/media/image_codecs.h"
#include "runtime/media/orientation.h"

namespace wan::media {
namespace {

using namespace std::string_view_literals;

constexpr int kMaxScans = 500;  // a progressive file repeats the whole picture in each
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr unsigned kMaxMarkerBytes = 0xffff;
constexpr std::string_view kExifStart = "Exif\0\0"sv;

// NOLINTBEGIN(cert-err52-cpp): libjpeg, which is C, leaves by longjmp.
// A function that calls setjmp has no object with a destructor of its own.
class JpegFile {
 public:
  explicit JpegFile(std::span<const uint8_t> bytes) : bytes_(bytes) {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    progress_.progress_monitor = on_progress;
  }
  ~JpegFile() { jpeg_destroy_decompress(&jpeg_); }
  JpegFile(const JpegFile&) = delete;
  JpegFile& operator=(const JpegFile&) = delete;

  // Up to the first pixels; sides are known afterwards.
  bool read_header() {
    if (setjmp(leave_)) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, bytes_.data(), bytes_.size());
    jpeg_save_markers(&jpeg_, kExifMarker, kMaxMarkerBytes);
    jpeg_read_header(&jpeg_, TRUE);
    return true;
  }
  // Rows of width() * channels() bytes.
  bool read_rows(uint8_t* rows) {
    if (setjmp(leave_)) return false;
    jpeg_.out_color_space = channels() == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&jpeg_);
    const size_t stride = size_t{jpeg_.output_width} * channels();
    while (jpeg_.output_scanline < jpeg_.output_height) {
      JSAMPROW row = rows + jpeg_.output_scanline * stride;
      jpeg_read_scanlines(&jpeg_, &row, 1);
    }
    return true;
  }

  [[nodiscard]] uint32_t width() const { return jpeg_.image_width; }
  [[nodiscard]] uint32_t height() const { return jpeg_.image_height; }
  // 4: inks, for print. Everything else comes out as RGB.
  [[nodiscard]] unsigned channels() const { return jpeg_.num_components == 4 ? 4 : 3; }
  [[nodiscard]] Error error() const { return unreadable("a JPEG", message_); }

  [[nodiscard]] int orientation() const {
    for (const jpeg_marker_struct* marker = jpeg_.marker_list; marker; marker = marker->next) {
      const std::span<const uint8_t> data(marker->data, marker->data_length);
      const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
      if (marker->marker == kExifMarker && text.starts_with(kExifStart)) {
        return exif_orientation(data.subspan(kExifStart.size()));
      }
    }
    return 1;
  }

 private:
  static JpegFile& self(j_common_ptr jpeg) { return *static_cast<JpegFile*>(jpeg->client_data); }
  [[noreturn]] static void on_error(j_common_ptr jpeg) {
    jpeg->err->format_message(jpeg, self(jpeg).message_);
    std::longjmp(self(jpeg).leave_, 1);
  }
  // The library only warns of missing bytes and paints them grey.
  static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) on_error(jpeg);
  }
  static void on_progress(j_common_ptr jpeg) {
    if (self(jpeg).jpeg_.input_scan_number <= kMaxScans) return;
    std::snprintf(self(jpeg).message_, sizeof(self(jpeg).message_), "more than %d scans", kMaxScans);
    std::longjmp(self(jpeg).leave_, 1);
  }

  std::span<const uint8_t> bytes_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  char message_[JMSG_LENGTH_MAX] = {};
  std::jmp_buf leave_{};
};
// NOLINTEND(cert-err52-cpp)

uint8_t product(int a, int b) {  // a * b / 255, rounded
  const int scaled = a * b + 128;
  return static_cast<uint8_t>((scaled + (scaled >> 8)) >> 8);
}

// Four-channel JPEGs are written by print software, which stores 255 - ink.
void inks_to_rgb(std::span<const uint8_t> inks, std::span<uint8_t> rgb) {
  for (size_t i = 0, o = 0; i + 3 < inks.size(); i += 4) {
    const int key = inks[i + 3];
    for (size_t c = 0; c < 3; ++c) rgb[o++] = static_cast<uint8_t>(key - product(255 - inks[i + c], key));
  }
}

}  // namespace

Result<Image> read_jpeg(std::span<const uint8_t> bytes, int64_t max_pixels) {
  JpegFile file(bytes);
  if (!file.read_header()) return fail(file.error());
  WAN_TRY(Image image, make_image(file.width(), file.height(), max_pixels));
  if (file.channels() == 4) {
    std::vector<uint8_t> inks(size_t{4} * file.width() * file.height());
    if (!file.read_rows(inks.data())) return fail(file.error());
    inks_to_rgb(inks, image.rgb);
  } else if (!file.read_rows(image.rgb.data())) {
    return fail(file.error());
  }
  return turned_upright(std::move(image), file.orientation());
}

}  // namespace wan::media
