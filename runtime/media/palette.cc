#include "runtime/media/palette.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

namespace wan::media {
namespace {

constexpr int kShift = 3;  // of a channel to its step
constexpr size_t kBins = 1u << (3 * (8 - kShift));
constexpr size_t kColours = 256;

using Colour = std::array<uint8_t, 3>;

// The pixels of one bin of colours.
struct Bin {
  std::array<int64_t, 3> sums{};
  int64_t pixels = 0;

  [[nodiscard]] Colour mean() const {
    Colour colour{};
    for (size_t i = 0; i < 3; ++i) colour[i] = static_cast<uint8_t>((sums[i] + pixels / 2) / pixels);
    return colour;
  }
};

size_t bin_of(const uint8_t* rgb) {
  return static_cast<size_t>(rgb[0] >> kShift) << 10 | static_cast<size_t>(rgb[1] >> kShift) << 5 |
         rgb[2] >> kShift;
}

std::vector<Bin> used_bins(std::span<const uint8_t> rgb) {
  std::vector<Bin> bins(kBins);
  for (size_t i = 0; i + 2 < rgb.size(); i += 3) {
    Bin& bin = bins[bin_of(&rgb[i])];
    for (size_t c = 0; c < 3; ++c) bin.sums[c] += rgb[i + c];
    ++bin.pixels;
  }
  std::erase_if(bins, [](const Bin& bin) { return bin.pixels == 0; });
  return bins;
}

struct Box {
  std::span<Bin> bins;
  int64_t pixels = 0;
  size_t axis = 0;  // of the longest side
  int length = 0;   // of it

  explicit Box(std::span<Bin> content) : bins(content) {
    std::array<int, 3> low = {255, 255, 255}, high = {0, 0, 0};
    for (const Bin& bin : bins) {
      pixels += bin.pixels;
      const Colour mean = bin.mean();
      for (size_t i = 0; i < 3; ++i) {
        low[i] = std::min<int>(low[i], mean[i]);
        high[i] = std::max<int>(high[i], mean[i]);
      }
    }
    for (size_t i = 0; i < 3; ++i) {
      if (high[i] - low[i] <= length) continue;
      length = high[i] - low[i];
      axis = i;
    }
  }
  [[nodiscard]] int64_t weight() const { return bins.size() < 2 ? 0 : pixels * length; }
};

// Cuts where half of the pixels lie on either side; both sides keep at least one bin.
size_t cut(const Box& box) {
  const auto order = [&](const Bin& bin) { return std::tuple(bin.mean()[box.axis], bin.sums, bin.pixels); };
  std::ranges::sort(box.bins, {}, order);
  size_t at = 0;
  for (int64_t before = 0; at + 1 < box.bins.size() && 2 * before < box.pixels; ++at)
    before += box.bins[at].pixels;
  return std::clamp<size_t>(at, 1, box.bins.size() - 1);
}

Colour mean_of(std::span<const Bin> bins) {
  Bin all;
  for (const Bin& bin : bins) {
    for (size_t i = 0; i < 3; ++i) all.sums[i] += bin.sums[i];
    all.pixels += bin.pixels;
  }
  return all.mean();
}

uint8_t nearest(const Palette& palette, const uint8_t* rgb) {
  int best = std::numeric_limits<int>::max();
  size_t index = 0;
  for (size_t i = 0; i < kColours; ++i) {
    int distance = 0;
    for (size_t c = 0; c < 3; ++c) {
      const int difference = palette.colours[i][c] - rgb[c];
      distance += difference * difference;
    }
    if (distance >= best) continue;
    best = distance;
    index = i;
  }
  return static_cast<uint8_t>(index);
}

}  // namespace

Palette choose_palette(std::span<const uint8_t> rgb) {
  std::vector<Bin> bins = used_bins(rgb);
  std::vector<Box> boxes;
  if (!bins.empty()) boxes.emplace_back(bins);
  while (!boxes.empty() && boxes.size() < kColours) {
    const auto widest = std::ranges::max_element(boxes, {}, &Box::weight);
    if (widest->weight() == 0) break;
    const Box box = *widest;
    const size_t at = cut(box);
    *widest = Box(box.bins.first(at));
    boxes.emplace_back(box.bins.subspan(at));
  }
  Palette palette;
  for (size_t i = 0; i < boxes.size(); ++i) palette.colours[i] = mean_of(boxes[i].bins);
  return palette;
}

void apply_palette(const Palette& palette, std::span<const uint8_t> rgb, std::span<uint8_t> indices) {
  constexpr int kUnknown = -1;
  std::vector<int16_t> known(kBins, kUnknown);  // one search a bin, not a pixel
  for (size_t pixel = 0; pixel < indices.size(); ++pixel) {
    int16_t& index = known[bin_of(&rgb[3 * pixel])];
    if (index == kUnknown) index = nearest(palette, &rgb[3 * pixel]);
    indices[pixel] = static_cast<uint8_t>(index);
  }
}

}  // namespace wan::media
