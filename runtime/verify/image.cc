// What becomes of an image before the first step: pixels for CLIP, sizes, masks, the resized first frame.

#include <charconv>
#include <fmt/format.h>

#include "runtime/pipeline/image_conditioning.h"
#include "runtime/pipeline/video_size.h"
#include "runtime/verify/compare.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

constexpr double kResizeLimit = 2e-6;
constexpr double kPixelsLimit = 1e-6;

pipeline::InputImage image_of(const at::Tensor& rows) {
  const at::Tensor bytes = rows.to(at::kCPU).contiguous();
  const auto* begin = bytes.const_data_ptr<uint8_t>();
  return {
      static_cast<int>(bytes.size(1)), static_cast<int>(bytes.size(0)), {begin, begin + bytes.numel()}, ""};
}

// [area, image width, image height, ..., height, width]; zero sides must be refused.
Row size(const Json& row) {
  const int height = row.at(6), width = row.at(7);
  const auto ours = pipeline::size_for_image(row.at(0), row.at(1), row.at(2));
  const std::string name = fmt::format("sizes.json {}x{} area {}", row.at(1).get<int>(), row.at(2).get<int>(),
                                       row.at(0).get<int64_t>());
  if (height == 0 || width == 0) return statement(name, !ours, ours ? "must be refused" : "refused");
  if (!ours) return statement(name, false, ours.error().message);
  const bool same = ours->height == height && ours->width == width;
  return statement(name, same, same ? "" : fmt::format("{}x{}", ours->width, ours->height));
}

// "mask.F9.4x6"
Row mask(const std::string& name, const at::Tensor& golden) {
  int64_t frames = 0;
  const std::string_view number = std::string_view(name).substr(name.find(".F") + 2);
  std::from_chars(number.data(), number.data() + number.size(), frames);
  return exact(name, pipeline::condition_mask(frames, golden.size(-2), golden.size(-1)), golden);
}

Row resized(const Golden& golden, const std::string& file) {
  const Tensors data = golden.tensors(file);
  const at::Tensor output = data.at("output").squeeze(1);
  const at::Tensor image = pipeline::image_tensor(image_of(data.at("image_u8")));
  return within_absolute(file, pipeline::resize_image(image, output.size(1), output.size(2)), output,
                         kResizeLimit);
}

}  // namespace

Rows verify_preprocess(const Golden& golden) {
  Rows rows;
  for (const Json& one : golden.manifest().at("cases")) {
    const auto side = one.at("size").get<int64_t>();
    const std::string file =
        fmt::format("case_{}_to_{}.safetensors", one.at("name").get<std::string>(), side);
    const Tensors data = golden.tensors(file);
    const at::Tensor image = pipeline::image_tensor(golden.image(one.at("image")));
    const at::Tensor pixels = pipeline::clip_pixel_values(image, side);
    rows.push_back(within_relative(file + " output", pixels, data.at("output"), kPixelsLimit));
    if (data.contains("pixels_pm1"))
      rows.push_back(exact(file + " pixels_pm1", image, data.at("pixels_pm1")));
  }
  return rows;
}

Rows verify_i2v_conditioning(const Golden& golden) {
  Rows rows;
  const Json sizes = golden.json("sizes.json");
  for (const Json& row : sizes.at("rows")) rows.push_back(size(row));
  for (const auto& [name, theirs] : golden.tensors("mask.safetensors")) rows.push_back(mask(name, theirs));
  for (const auto& file : golden.files("resize_", ".safetensors")) rows.push_back(resized(golden, file));
  return rows;
}

}  // namespace wan::verify
