// Images from strangers: whatever the bytes are, a whole picture or one line that says why not.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "runtime/media/image_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t kMaxPixels = 1 << 16;
  const auto image = wan::media::read_image(std::span(data, size), kMaxPixels);
  if (image) {
    WAN_CHECK(image->width > 0 && image->height > 0);
    WAN_CHECK(image->rgb.size() == size_t{3} * image->width * image->height);
  } else {
    WAN_CHECK(!image.error().message.empty());
    WAN_CHECK(image.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
