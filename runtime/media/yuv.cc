#include "runtime/media/yuv.h"

#include <algorithm>
#include <array>

namespace wan::media {
namespace {

// BT.709 weights scaled to limited range, times 2^16. The chroma rows add up to exactly zero, so grey is
// exactly 128; the luma row to 219/255 * 2^16, so white is exactly 235.
constexpr int kShift = 16;
constexpr int32_t kYr = 11966, kYg = 40254, kYb = 4064;
constexpr int32_t kUr = -6596, kUg = -22189, kUb = 28785;
constexpr int32_t kVr = 28784, kVg = -26145, kVb = -2639;
static_assert(kUr + kUg + kUb == 0 && kVr + kVg + kVb == 0);

constexpr int kChromaWeight = 8;  // 1 2 1 in each of two rows
constexpr int kChromaShift = kShift + 3;
static_assert(1 << (kChromaShift - kShift) == kChromaWeight);

uint8_t luma(const uint8_t* rgb) {
  const int32_t sum = kYr * rgb[0] + kYg * rgb[1] + kYb * rgb[2];
  return static_cast<uint8_t>(16 + ((sum + (1 << (kShift - 1))) >> kShift));
}

// `sums` are RGB added up over kChromaWeight.
uint8_t chroma(const std::array<int32_t, 3>& sums, int32_t r, int32_t g, int32_t b) {
  const int64_t sum = static_cast<int64_t>(r) * sums[0] + static_cast<int64_t>(g) * sums[1] +
                      static_cast<int64_t>(b) * sums[2];
  const auto value = static_cast<int>(128 + ((sum + (1 << (kChromaShift - 1))) >> kChromaShift));
  return static_cast<uint8_t>(std::clamp(value, 16, 240));
}

void add(std::array<int32_t, 3>& sums, const uint8_t* rgb, int weight) {
  for (int i = 0; i < 3; ++i) sums[i] += weight * rgb[i];
}

void luma_row(const uint8_t* rgb, int width, uint8_t* out) {
  for (int x = 0; x < width; ++x) out[x] = luma(rgb + static_cast<ptrdiff_t>(3) * x);
}

void chroma_row(const uint8_t* upper, const uint8_t* lower, int width, uint8_t* u, uint8_t* v) {
  for (int x = 0; x < width; x += 2) {
    const ptrdiff_t left = 3 * std::max(x - 1, 0), here = 3 * x, right = 3 * (x + 1);
    std::array<int32_t, 3> sums{};
    for (const uint8_t* row : {upper, lower}) {
      add(sums, row + left, 1);
      add(sums, row + here, 2);
      add(sums, row + right, 1);
    }
    *u++ = chroma(sums, kUr, kUg, kUb);
    *v++ = chroma(sums, kVr, kVg, kVb);
  }
}

}  // namespace

void rgb_to_yuv420(std::span<const uint8_t> rgb, int width, int height, const YuvPlanes& planes) {
  const ptrdiff_t stride = static_cast<ptrdiff_t>(3) * width;
  for (ptrdiff_t y = 0; y < height; ++y)
    luma_row(rgb.data() + y * stride, width, planes.y.data() + y * planes.y_stride);
  for (ptrdiff_t y = 0; y < height / 2; ++y) {
    const uint8_t* upper = rgb.data() + 2 * y * stride;
    chroma_row(upper, upper + stride, width, planes.u.data() + y * planes.u_stride,
               planes.v.data() + y * planes.v_stride);
  }
}

}  // namespace wan::media
