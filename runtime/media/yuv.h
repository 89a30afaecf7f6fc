#pragma once
// RGB to YUV 4:2:0 in integers, BT.709 limited range: the same bytes on every machine and with every FFmpeg.

#include <cstdint>
#include <span>

namespace wan::media {

struct YuvPlanes {
  std::span<uint8_t> y, u, v;                    // row after row
  int y_stride = 0, u_stride = 0, v_stride = 0;  // bytes
};

// `rgb` is height rows of width RGB triples. REQUIRES even sides and planes large enough. Luma 16..235,
// chroma 16..240; each chroma sample lies at the left of its 2x2 pixels, where H.264 puts it by default, and
// is the mean of both rows weighted 1 2 1 across.
void rgb_to_yuv420(std::span<const uint8_t> rgb, int width, int height, const YuvPlanes& planes);

}  // namespace wan::media
