#include "tests/unit/runtime/pipeline/moving_object.h"

#include <cmath>

namespace wan::testing {

namespace {

Colour pixel(const Picture& picture, int x, int y) {
  const uint8_t* rgb = picture.rgb.data() + 3 * (static_cast<size_t>(y) * picture.width + x);
  return {rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0};
}

}  // namespace

double distance(const Colour& a, const Colour& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

Colour background(const Picture& picture) {
  Colour sum{};
  for (const int x : {2, picture.width - 3}) {
    for (const int y : {2, picture.height - 3}) {
      const Colour corner = pixel(picture, x, y);
      for (int i = 0; i < 3; ++i) sum[i] += corner[i] / 4;
    }
  }
  return sum;
}

Object find_object(const Picture& picture) {
  const Colour ground = background(picture);
  Object object;
  int count = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const Colour here = pixel(picture, x, y);
      if (distance(here, ground) < 0.35) continue;
      ++count;
      object.x += x;
      object.y += y;
      for (int i = 0; i < 3; ++i) object.colour[i] += here[i];
    }
  }
  if (count == 0) return object;
  object.x /= static_cast<double>(count) * picture.width;
  object.y /= static_cast<double>(count) * picture.height;
  object.area = static_cast<double>(count) / (picture.width * picture.height);
  for (double& channel : object.colour) channel /= count;
  return object;
}

}  // namespace wan::testing
