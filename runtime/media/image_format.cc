#include "runtime/media/image_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace wan::media {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view bytes;
  size_t offset;
  std::string_view name;
};

// The first that matches names the file; none of these is decoded.
constexpr std::array kRefused = {
    Signature{"GIF8"sv, 0, "a GIF"},
    Signature{"BM"sv, 0, "a BMP"},
    Signature{"II*\0"sv, 0, "a TIFF"},
    Signature{"MM\0*"sv, 0, "a TIFF"},
    Signature{"ftypheic"sv, 4, "a HEIC image"},
    Signature{"ftypheix"sv, 4, "a HEIC image"},
    Signature{"ftypmif1"sv, 4, "a HEIF image"},
    Signature{"ftypmsf1"sv, 4, "a HEIF image"},
    Signature{"ftypavi"sv, 4, "an AVIF image"},
    Signature{"ftyp"sv, 4, "an mp4 or QuickTime file"},
    Signature{"\0\0\0\x0cJXL "sv, 0, "a JPEG XL image"},
    Signature{"\xff\x0a"sv, 0, "a JPEG XL image"},
    Signature{"\0\0\0\x0cjP  "sv, 0, "a JPEG 2000 image"},
    Signature{"\0\0\1\0"sv, 0, "an icon file"},
    Signature{"8BPS"sv, 0, "a Photoshop file"},
    Signature{"%PDF"sv, 0, "a PDF"},
    Signature{"%!PS"sv, 0, "a PostScript file"},
    Signature{"\x1a\x45\xdf\xa3"sv, 0, "a Matroska or WebM file"},
    Signature{"RIFF"sv, 0, "a RIFF file that is no WebP"},
    Signature{"PK\3\4"sv, 0, "a zip archive"},
    Signature{"\x1f\x8b"sv, 0, "a gzip archive"},
    Signature{"\x7f"
              "ELF"sv,
              0, "a program"},
};

constexpr size_t kTextWindow = 1024;

std::string_view text_of(std::span<const uint8_t> bytes, size_t most) {
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), most)};
}

// Bytes from 128 on may be UTF-8 or Latin letters; control characters show that it is no text.
bool is_text(std::string_view window) {
  return std::ranges::all_of(window, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 32 && byte != 127) || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
  });
}

std::string lowered_start(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t start = text.find_first_not_of(" \t\r\n\f");
  std::string lowered(start == std::string_view::npos ? "" : text.substr(start));
  for (char& c : lowered) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lowered;
}

std::string_view name_of_text(std::string_view window) {
  const std::string text = lowered_start(window);
  const auto starts = [&](std::string_view prefix) { return text.starts_with(prefix); };
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (starts("#extm3u") || starts("ffconcat") || starts("[playlist]")) return "a playlist";
  if (has("<svg")) return "an SVG";
  if (starts("<!doctype html") || has("<html")) return "an HTML page";
  if (starts("<?xml")) return "an XML file";
  return "a text file";
}

std::string_view name_of(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return "empty";
  const std::string_view window = text_of(bytes, kTextWindow);
  for (const Signature& known : kRefused) {
    if (window.size() > known.offset && window.substr(known.offset).starts_with(known.bytes))
      return known.name;
  }
  return is_text(window) ? name_of_text(window) : "no image format known here";
}

}  // namespace

Result<ImageFormat> recognise_image(std::span<const uint8_t> bytes) {
  const std::string_view start = text_of(bytes, 16);
  if (start.starts_with("\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (start.starts_with("\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (start.starts_with("RIFF") && start.size() >= 12 && start.substr(8).starts_with("WEBP")) {
    return ImageFormat::kWebp;
  }
  return fail(invalid_argument(std::string(name_of(bytes)) + "; " + std::string(kAllowedImages)));
}

}  // namespace wan::media
