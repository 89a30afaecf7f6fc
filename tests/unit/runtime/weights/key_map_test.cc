// The published models' key lists at their real size, official and diffusers names.

#include "runtime/weights/key_map.h"

#include <gtest/gtest.h>
#include <string>

#include "base/io/file.h"
#include "base/json/json.h"
#include "tests/support/paths.h"

namespace wan::weights {
namespace {

StoredTensors published(const std::string& name) {
  const std::string file = testing::source_dir().string() + "/tests/golden/data/keys/" + name + ".json";
  const auto json = parse_json(*read_file(file));
  StoredTensors tensors;
  for (const auto& [key, shape] : (*json)["tensors"].items()) {
    tensors[key].shape = shape.get<std::vector<int64_t>>();
  }
  return tensors;
}

void expect_equal(const StoredTensors& ours, const StoredTensors& theirs) {
  for (const auto& [key, tensor] : theirs) {
    const auto found = ours.find(key);
    ASSERT_NE(found, ours.end()) << "missing " << key;
    EXPECT_EQ(found->second.shape, tensor.shape) << key;
  }
  EXPECT_EQ(ours.size(), theirs.size());
}

TEST(KeyMap, OfficialTextToVideoKeysBecomeTheDiffusersKeys) {
  expect_equal(with_diffusers_keys(Component::kTransformer, published("official_t2v_1.3b")),
               published("diffusers_t2v_1.3b"));
}

TEST(KeyMap, OfficialImageToVideoKeysBecomeTheDiffusersKeys) {
  expect_equal(with_diffusers_keys(Component::kTransformer, published("official_i2v_14b")),
               published("diffusers_i2v_14b"));
}

TEST(KeyMap, OfficialTextEncoderKeysBecomeTheTransformersKeys) {
  StoredTensors theirs = published("diffusers_umt5_xxl_encoder");
  theirs.erase("encoder.embed_tokens.weight");  // the same tensor as shared.weight
  expect_equal(with_diffusers_keys(Component::kTextEncoder, published("official_umt5_xxl_encoder")), theirs);
}

TEST(KeyMap, OfficialVaeKeysBecomeTheDiffusersKeys) {
  expect_equal(with_diffusers_keys(Component::kVae, published("official_vae")), published("diffusers_vae"));
}

TEST(KeyMap, DiffusersKeysPassUnchanged) {
  const auto theirs = published("diffusers_t2v_1.3b");
  expect_equal(with_diffusers_keys(Component::kTransformer, theirs), theirs);
  EXPECT_FALSE(has_official_keys(Component::kVae, published("diffusers_vae")));
}

TEST(KeyMap, Norm2AndNorm3ChangePlaces) {
  EXPECT_EQ(diffusers_key(Component::kTransformer, "blocks.7.norm3.weight"), "blocks.7.norm2.weight");
  EXPECT_EQ(diffusers_key(Component::kTransformer, "model.diffusion_model.blocks.7.norm2.bias"),
            "blocks.7.norm3.bias");
}

TEST(KeyMap, KeysThatItDoesNotKnowStayAsTheyAre) {
  EXPECT_EQ(diffusers_key(Component::kTransformer, "blocks.x.norm3.weight"), "blocks.x.norm3.weight");
  EXPECT_EQ(diffusers_key(Component::kTextEncoder, "blocks.1.other.weight"), "blocks.1.other.weight");
  EXPECT_EQ(diffusers_key(Component::kVae, "decoder.other.weight"), "decoder.other.weight");
}

}  // namespace
}  // namespace wan::weights
