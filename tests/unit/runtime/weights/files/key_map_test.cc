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

TEST(KeyMap, OfficialKeysOfTheLargeModelBecomeTheDiffusersKeys) {
  expect_equal(with_diffusers_keys(Component::kTransformer, published("official_t2v_14b")),
               published("diffusers_t2v_14b"));
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

StoredTensors with_prefix(const std::string& prefix, const StoredTensors& tensors) {
  StoredTensors out;
  for (const auto& [key, tensor] : tensors) out.emplace(prefix + key, tensor);
  return out;
}

TEST(KeyMap, TheImageTowerOfThePublishedFileBecomesTransformersKeys) {
  const auto theirs = with_prefix("vision_model.", published("diffusers_clip_vision"));
  StoredTensors whole = with_prefix("visual.", published("official_clip_visual"));
  for (const char* other : {"textual.token_embedding.weight", "textual.head.0.weight", "log_scale"})
    whole[other] = {};
  expect_equal(with_diffusers_keys(Component::kImageEncoder, whole), theirs);
  expect_equal(with_diffusers_keys(Component::kImageEncoder, published("official_clip_visual")), theirs);
}

TEST(KeyMap, TheImageTowersTransformersKeysAreReadWithAndWithoutTheirPrefix) {
  const auto theirs = with_prefix("vision_model.", published("diffusers_clip_vision"));
  expect_equal(with_diffusers_keys(Component::kImageEncoder, published("diffusers_clip_vision")), theirs);
  StoredTensors repack = theirs;
  repack["visual_projection.weight"] = repack["vision_model.embeddings.position_ids"] = {};
  expect_equal(with_diffusers_keys(Component::kImageEncoder, repack), theirs);
}

TEST(KeyMap, TheFusedProjectionIsSplitIntoQueriesKeysAndValues) {
  const std::string bytes = "qqkkvv";
  StoredTensors tensors;
  tensors["cls_embedding"] = {.shape = {1, 1, 2}};
  tensors["transformer.3.attn.to_qkv.bias"] = {
      .dtype = DType::kU8, .shape = {6}, .bytes = std::as_bytes(std::span(bytes.data(), bytes.size()))};
  const auto split = with_diffusers_keys(Component::kImageEncoder, std::move(tensors));
  const auto text = [&](const std::string& name) {
    const StoredTensor& part = split.at("vision_model.encoder.layers.3.self_attn." + name + "_proj.bias");
    EXPECT_EQ(part.shape, (std::vector<int64_t>{2}));
    return std::string(reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size());
  };
  EXPECT_EQ(text("q") + text("k") + text("v"), "qqkkvv");
  EXPECT_EQ(split.at("vision_model.embeddings.class_embedding").shape, (std::vector<int64_t>{2}));
}

TEST(KeyMap, ThePrefixOfRepacksIsTakenAwayFromBothKindsOfKeys) {
  const auto theirs = published("diffusers_t2v_1.3b");
  expect_equal(with_diffusers_keys(Component::kTransformer,
                                   with_prefix("model.diffusion_model.", published("official_t2v_1.3b"))),
               theirs);
  expect_equal(with_diffusers_keys(Component::kTransformer, with_prefix("model.diffusion_model.", theirs)),
               theirs);
}

TEST(KeyMap, DiffusersKeysPassUnchanged) {
  const auto theirs = published("diffusers_t2v_1.3b");
  expect_equal(with_diffusers_keys(Component::kTransformer, theirs), theirs);
  EXPECT_FALSE(has_official_keys(Component::kVae, published("diffusers_vae")));
}

TEST(KeyMap, Norm2AndNorm3ChangePlaces) {
  EXPECT_EQ(diffusers_key(Component::kTransformer, "blocks.7.norm3.weight"), "blocks.7.norm2.weight");
  EXPECT_EQ(diffusers_key(Component::kTransformer, "blocks.7.norm2.bias"), "blocks.7.norm3.bias");
}

TEST(KeyMap, KeysThatItDoesNotKnowStayAsTheyAre) {
  EXPECT_EQ(diffusers_key(Component::kTransformer, "blocks.x.norm3.weight"), "blocks.x.norm3.weight");
  EXPECT_EQ(diffusers_key(Component::kTextEncoder, "blocks.1.other.weight"), "blocks.1.other.weight");
  EXPECT_EQ(diffusers_key(Component::kVae, "decoder.other.weight"), "decoder.other.weight");
}

}  // namespace
}  // namespace wan::weights
