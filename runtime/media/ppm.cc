#include "runtime/media/ppm.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace wan::media {
namespace {

constexpr size_t kMaxHeader = 32;

Error bad_answer() { return corrupt("wan-media gave back something else than a picture"); }

// Takes a number and the character after it off `text`; -1 if there is none.
int take_number(std::string_view& text, char after) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const size_t length = static_cast<size_t>(end - text.data());
  if (code != std::errc() || length >= text.size() || text[length] != after) return -1;
  text.remove_prefix(length + 1);
  return value;
}

}  // namespace

std::string ppm_header(int width, int height) {
  return "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
}

Status PpmReceiver::read_header() {
  std::string_view text = header_;
  if (!text.starts_with("P6\n")) return fail(bad_answer());
  text.remove_prefix(3);
  const int width = take_number(text, ' '), height = take_number(text, '\n');
  if (width < 1 || height < 1 || width > max_pixels_ / height || text != "255\n") return fail(bad_answer());
  image_.width = width;
  image_.height = height;
  expected_ = size_t{3} * width * height;
  image_.rgb.reserve(expected_);
  has_header_ = true;
  return {};
}

Status PpmReceiver::append(std::span<const uint8_t> bytes) {
  while (!has_header_ && !bytes.empty()) {
    header_ += static_cast<char>(bytes.front());
    bytes = bytes.subspan(1);
    if (std::ranges::count(header_, '\n') == 3) {
      WAN_TRY_VOID(read_header());
    } else if (header_.size() > kMaxHeader) {
      return fail(bad_answer());
    }
  }
  if (bytes.size() > expected_ - image_.rgb.size()) return fail(bad_answer());
  image_.rgb.insert(image_.rgb.end(), bytes.begin(), bytes.end());
  return {};
}

Result<Image> PpmReceiver::finish() {
  if (!has_header_ || image_.rgb.size() != expected_) return fail(bad_answer());
  return std::move(image_);
}

}  // namespace wan::media
