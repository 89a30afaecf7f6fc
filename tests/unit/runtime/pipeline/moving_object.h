#pragma once
// The one object before a plain background that the built-in models draw: where it is, how big, in what
// colour.

#include <array>

#include "tests/unit/runtime/media/read_mp4.h"

namespace wan::testing {

using Colour = std::array<double, 3>;

double distance(const Colour& a, const Colour& b);

// The corners' mean: objects stay away from them.
Colour background(const Picture& picture);

struct Object {
  double x = 0, y = 0, area = 0;  // the centre as a share of the sides; the share of all pixels
  Colour colour{};
};

// What differs from the background.
Object find_object(const Picture& picture);

}  // namespace wan::testing
