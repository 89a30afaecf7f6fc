#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <string>

#include "runtime/pipeline/image_conditioning.h"
#include "tests/golden/support.h"

namespace wan::golden {
namespace {

TEST(PreprocessGolden, ClipSeesTheWholeImageSquashed) {
  const c10::InferenceMode inference;
  const Json manifest = read_json_file(data("preprocess/manifest.json"));
  for (const Json& entry : manifest["cases"]) {
    const std::string name = entry["name"];
    const auto size = entry["size"].get<int64_t>();
    const Tensors golden =
        read_tensors(data("preprocess/case_" + name + "_to_" + std::to_string(size) + ".safetensors"));
    const at::Tensor image =
        pipeline::image_tensor(decoded_image(data("preprocess/" + entry["image"].get<std::string>())));
    const at::Tensor pixels = pipeline::clip_pixel_values(image, size);
    EXPECT_LE(relative_l2(pixels, golden.at("output")), 1e-6) << name;
    EXPECT_LE(max_difference(pixels, golden.at("output")), 2e-6) << name;
    const auto whole = golden.find("pixels_pm1");
    if (whole != golden.end()) EXPECT_EQ(max_difference(image, whole->second), 0) << name;
  }
}

}  // namespace
}  // namespace wan::golden
