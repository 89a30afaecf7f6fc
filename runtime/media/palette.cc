#include "runtime/media/palette.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

namespace wan::media {
namespace {

constexpr int kShift = 3;  // of a channel to its step
constexpr size_t kBins = 1u << (3 * (8 - kShift));
constexpr size_t kColours = std::tuple_size_v<decltype(Palette::colours)>;

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

using Vector = std::array<int, 3>;

Vector difference(const Colour& a, const Colour& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
int dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

constexpr int kLevels = 64;  // of the pattern

// How much of `far`, in 64ths, makes `near` most like `colour`.
int share(const Colour& colour, const Colour& near, const Colour& far) {
  const Vector line = difference(far, near);
  const int length = dot(line, line);
  return length == 0 ? 0 : std::clamp(dot(difference(colour, near), line) * kLevels / length, 0, kLevels - 1);
}

// Of the mean that they make, and a quarter of their own spread: two distant colours look like grains.
int mixed_error(const Colour& colour, const Colour& near, const Colour& far) {
  const int part = share(colour, near, far);
  const Vector line = difference(far, near);
  Vector off = difference(colour, near);
  for (size_t i = 0; i < 3; ++i) off[i] -= line[i] * part / kLevels;
  return dot(off, off) + dot(line, line) * part / kLevels * (kLevels - part) / kLevels / 4;
}

struct Mix {
  uint8_t near = 0, far = 0;  // indices
};

Mix mix_for(const Palette& palette, const Colour& colour) {
  const auto index_of_least = [&](auto&& error) {
    return static_cast<uint8_t>(std::ranges::min_element(palette.colours, {}, error) -
                                palette.colours.begin());
  };
  const uint8_t near = index_of_least([&](const Colour& candidate) {
    const Vector off = difference(colour, candidate);
    return dot(off, off);
  });
  const uint8_t far = index_of_least(
      [&](const Colour& candidate) { return mixed_error(colour, palette.colours[near], candidate); });
  return {near, far};
}

// Bayer's pattern: 0..63, each once in 8x8.
int threshold(size_t x, size_t y) {
  size_t level = 0;
  for (size_t bit = 0; bit < 3; ++bit) {
    level = level << 2 | ((x ^ y) >> bit & 1) << 1 | (y >> bit & 1);
  }
  return static_cast<int>(level);
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

void apply_palette(const Palette& palette, std::span<const uint8_t> rgb, size_t width,
                   std::span<uint8_t> indices) {
  std::vector<std::optional<Mix>> known(kBins);  // one search a bin, not a pixel
  for (size_t pixel = 0; pixel < indices.size(); ++pixel) {
    const Colour colour = {rgb[3 * pixel], rgb[3 * pixel + 1], rgb[3 * pixel + 2]};
    std::optional<Mix>& mix = known[bin_of(colour.data())];
    if (!mix) mix = mix_for(palette, colour);
    const int part = share(colour, palette.colours[mix->near], palette.colours[mix->far]);
    indices[pixel] = part > threshold(pixel % width, pixel / width) ? mix->far : mix->near;
  }
}

}  // namespace wan::media
