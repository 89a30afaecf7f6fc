// What becomes of an image before the first step: sizes, masks, resized pixels. The images are given as
// decoded bytes; that the decoder gives the same ones is a test of runtime/media.

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>

#include "runtime/pipeline/image_conditioning.h"
#include "runtime/pipeline/video_size.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

constexpr double kMaxDifference = 2e-6;

pipeline::InputImage image_of(const at::Tensor& rows) {
  const at::Tensor bytes = rows.contiguous();
  const auto* begin = bytes.const_data_ptr<uint8_t>();
  return {
      static_cast<int>(bytes.size(1)), static_cast<int>(bytes.size(0)), {begin, begin + bytes.numel()}, ""};
}

TEST(ImageConditioningGolden, SizesFollowFromAreaAndShape) {
  const Json sizes = read_json_file(data("i2v_conditioning/sizes.json"));
  int refused = 0;
  for (const Json& row : sizes["rows"]) {
    const int64_t area = row[0];
    const int height = row[6], width = row[7];
    const auto size = pipeline::size_for_image(area, row[1], row[2]);
    if (height == 0 || width == 0) {
      ++refused;
      EXPECT_FALSE(size.has_value()) << row.dump();
      continue;
    }
    ASSERT_TRUE(size.has_value()) << row.dump() << size.error().message;
    EXPECT_EQ(size->height, height) << row.dump();
    EXPECT_EQ(size->width, width) << row.dump();
  }
  EXPECT_GT(refused, 0);
}

TEST(ImageConditioningGolden, MasksMarkTheFirstFrame) {
  const c10::InferenceMode inference;
  const Tensors golden = read_tensors(data("i2v_conditioning/mask.safetensors"));
  ASSERT_EQ(golden.size(), 3U);
  EXPECT_EQ(max_difference(pipeline::condition_mask(9, 4, 6), golden.at("mask.F9.4x6")), 0);
  EXPECT_EQ(max_difference(pipeline::condition_mask(81, 2, 2), golden.at("mask.F81.2x2")), 0);
  EXPECT_EQ(max_difference(pipeline::condition_mask(1, 4, 4), golden.at("mask.F1.4x4")), 0);
}

TEST(ImageConditioningGolden, ResizedImagesKeepWhatOvershoots) {
  const c10::InferenceMode inference;
  for (const char* name : {"97x61_to_48x32", "41x83_to_32x64", "48x32_to_48x32", "20x12_to_96x64"}) {
    const Tensors golden =
        read_tensors(data("i2v_conditioning/resize_" + std::string(name) + ".safetensors"));
    const at::Tensor resized = golden.at("output").squeeze(1);
    const at::Tensor image = pipeline::image_tensor(image_of(golden.at("image_u8")));
    EXPECT_LE(max_difference(pipeline::resize_image(image, resized.size(1), resized.size(2)), resized),
              kMaxDifference)
        << name;
  }
}

}  // namespace
}  // namespace wan::golden
