#pragma once
// An mp4 back to RGB pictures and to what it says about itself, for tests.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace wan::testing {

struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height rows of width triples
};

struct Mp4 {
  std::string codec, pixel_format, color_range, color_space, color_transfer,
      color_primaries;  // FFmpeg's names
  double frames_per_second = 0;
  std::vector<Picture> pictures;  // empty when the file cannot be decoded
};

Mp4 read_mp4(const std::filesystem::path& file);

// In dB, of two pictures' values; 0 for different sizes.
double psnr(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b);

}  // namespace wan::testing
