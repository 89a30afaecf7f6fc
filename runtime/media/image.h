#pragma once
// A decoded picture.

#include <cstdint>
#include <vector>

namespace wan::media {

struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height rows of width RGB triples
};

}  // namespace wan::media
