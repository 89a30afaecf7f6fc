#include "runtime/pipeline/random_model.h"

#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/io/file.h"
#include "runtime/pipeline/tensor_shapes.h"
#include "runtime/pipeline/wan_model.h"
#include "runtime/pipeline/wan_pipeline.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TensorShapes published(const std::string& list) {
  const fs::path file = testing::source_dir() / "tests/golden/data/keys" / (list + ".json");
  auto shapes = parse_json(read_file(file).value()).value()["tensors"].get<TensorShapes>();
  shapes.erase("encoder.embed_tokens.weight");  // `shared` under its other name
  return shapes;
}

TEST(TensorShapes, EqualThePublishedLists) {
  for (const auto& [variant, list] : {std::pair{"t2v-1.3b", "t2v_1.3b"},
                                      {"t2v-14b", "t2v_14b"},
                                      {"i2v-14b-480p", "i2v_14b"},
                                      {"i2v-14b-720p", "i2v_14b"}}) {
    const auto dims = variant_dims(variant);
    ASSERT_TRUE(dims.has_value());
    EXPECT_EQ(tensor_shapes(dims->transformer), published(std::string("diffusers_") + list));
    EXPECT_EQ(tensor_shapes(dims->text_encoder), published("diffusers_umt5_xxl_encoder"));
    EXPECT_EQ(tensor_shapes(dims->vae), published("diffusers_vae"));
    if (!dims->image_encoder) continue;
    TensorShapes tower;
    for (const auto& [key, shape] : published("diffusers_clip_vision")) tower["vision_model." + key] = shape;
    EXPECT_EQ(tensor_shapes(*dims->image_encoder), tower);
  }
}

// Of a size that layers can go on with: no overflow, no vanishing; a NaN fails too.
void expect_sane(const at::Tensor& values) {
  const auto size = values.to(at::kFloat).square().mean().sqrt().item<float>();
  EXPECT_GT(size, 0.01F);
  EXPECT_LT(size, 100.0F);
}

class MakeRandom : public ::testing::Test {
 protected:
  RandomModelRequest request(uint64_t seed = 0, bool bf16 = true) const {
    return {.variant = "t2v-1.3b",
            .layers = 1,
            .scale = 16,
            .bf16 = bf16,
            .seed = seed,
            .tokenizer = testing::source_dir() / "runtime/models/wan-tiny/tokenizer"};
  }
  fs::path folder(const char* name) const { return folder_.path() / name; }

  wan::testing::TemporaryFolder folder_;
};

TEST_F(MakeRandom, AScaledModelLoadsAndItsForwardStaysFinite) {
  int64_t last = 0;
  const auto made =
      make_random_model(request(), folder("model"), [&](int64_t done, int64_t) { last = done; });
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_GT(last, 0);
  const auto model = load_model(folder("model"), device::Device{}, {});
  ASSERT_TRUE(model.has_value()) << model.error().message;
  const c10::InferenceMode inference;
  const auto rows = encode_prompt(**model, "a red ball", {});
  ASSERT_TRUE(rows.has_value());
  expect_sane(*rows);
  const auto& transformer = *(*model)->transformer;
  const at::Tensor noise = prepare_latents(**model, 5, 32, 32, 1);
  expect_sane(
      transformer.forward(noise, 999, transformer.encode_text(*rows), {}, transformer.rotary(2, 4, 4), {}));
  int64_t frames = 0;
  const auto sink = [&](const at::Tensor& more) -> Status {
    frames += more.size(0);
    EXPECT_GT(more.max().item<int>() - more.min().item<int>(), 10);  // neither black nor clamped throughout
    return {};
  };
  EXPECT_TRUE(decode_latents(**model, noise, sink, {}).has_value());
  EXPECT_EQ(frames, 5);
}

TEST_F(MakeRandom, TheSameSeedGivesTheSameBytes) {
  const auto bytes = [&](const char* name, uint64_t seed) {
    RandomModelRequest tiny = request(seed);
    tiny.scale = 64;
    EXPECT_TRUE(make_random_model(tiny, folder(name), {}).has_value());
    return read_file(folder(name) / "vae/diffusion_pytorch_model.safetensors").value();
  };
  const std::string one = bytes("a", 1);
  EXPECT_EQ(one, bytes("b", 1));
  EXPECT_NE(one, bytes("c", 2));
}

// model_index.json names folders; a stock pipeline of diffusers opens every one of them.
TEST_F(MakeRandom, HasEveryFolderThatItsIndexNames) {
  RandomModelRequest small = request();
  small.variant = "i2v-14b-480p";
  small.scale = 64;
  ASSERT_TRUE(make_random_model(small, folder("model"), {}).has_value());
  const Json index = parse_json(read_file(folder("model") / "model_index.json").value()).value();
  for (const auto& [part, library] : index.items()) {
    if (library.is_array()) EXPECT_TRUE(fs::is_directory(folder("model") / part)) << part;
  }
  const auto config = [&](const char* file) {
    return parse_json(read_file(folder("model") / file).value()).value();
  };
  EXPECT_EQ(config("scheduler/scheduler_config.json")["flow_shift"], 3);
  EXPECT_EQ(config("image_processor/preprocessor_config.json")["crop_size"]["height"], 224);
}

TEST_F(MakeRandom, RefusesWhatItCannotWriteAndLeavesNothing) {
  RandomModelRequest wrong = request();
  wrong.variant = "t2v-2b";
  EXPECT_THAT(make_random_model(wrong, folder("x"), {}).error().message, HasSubstr("t2v-1.3b"));
  fs::create_directory(folder("there"));
  EXPECT_THAT(make_random_model(request(), folder("there"), {}).error().message, HasSubstr("exists already"));
  RandomModelRequest huge = request();
  huge.variant = "i2v-14b-720p";
  huge.scale = 1;
  huge.layers = 1000;
  EXPECT_THAT(make_random_model(huge, folder("x"), {}).error().message, HasSubstr("bytes free"));
  EXPECT_FALSE(fs::exists(folder("x")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

}  // namespace
}  // namespace wan::pipeline
