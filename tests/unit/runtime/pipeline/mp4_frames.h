#pragma once
// An mp4 back to RGB pictures, for tests that look at what a video shows.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace wan::testing {

struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height rows of width triples
};

// Empty when the file cannot be decoded.
std::vector<Picture> read_mp4(const std::filesystem::path& file);

}  // namespace wan::testing
