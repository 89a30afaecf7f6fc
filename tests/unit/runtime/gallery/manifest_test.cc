#include "runtime/gallery/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wan::gallery {
namespace {

using ::testing::HasSubstr;

const std::string kDigest = "sha256:" + std::string(64, 'a');

Json layer(const std::string& path) {
  return {{"mediaType", kWeightType},
          {"digest", kDigest},
          {"size", 3},
          {"annotations", {{kFilepathAnnotation, path}}}};
}

Json manifest(Json layers) {
  return {{"schemaVersion", 2},
          {"mediaType", kManifestType},
          {"artifactType", kModelArtifactType},
          {"config", {{"mediaType", kModelConfigType}, {"digest", kDigest}, {"size", 2}}},
          {"layers", std::move(layers)}};
}

std::string complaint(const Json& json) {
  const auto parsed = parse_manifest(json.dump());
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code, ErrorCode::kCorrupt);
  return parsed.error().message;
}

TEST(Manifest, ReadsWhatItWrites) {
  ModelManifest value;
  value.config = {std::string(kModelConfigType), "", kDigest, 2, {}};
  value.files = {{"a.json", kDigest, 3, std::string(kWeightConfigType)},
                 {"b/c.safetensors", kDigest, 4, std::string(kWeightType)}};
  const auto bytes = manifest_bytes(value);
  ASSERT_TRUE(bytes);
  const auto again = parse_manifest(*bytes);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->files.size(), 2u);
  EXPECT_EQ(again->files[1].path, "b/c.safetensors");
  EXPECT_EQ(again->bytes(), 7);
  EXPECT_EQ(manifest_bytes(*again).value_or(""), *bytes);
}

TEST(Manifest, RefusesPathsThatLeaveTheDirectory) {
  for (const char* path : {"../evil", "/etc/passwd", "a/../../b", "a//b", ""}) {
    EXPECT_THAT(complaint(manifest(Json::array({layer(path)}))), HasSubstr("not a valid path")) << path;
  }
}

TEST(Manifest, RefusesPathsThatCollide) {
  EXPECT_THAT(complaint(manifest(Json::array({layer("a"), layer("a")}))), HasSubstr("appears twice"));
  EXPECT_THAT(complaint(manifest(Json::array({layer("a"), layer("a.b"), layer("a/b")}))),
              HasSubstr("both a file and a folder"));
  EXPECT_THAT(complaint(manifest(Json::array({layer(".wan-model.json")}))), HasSubstr("reserved"));
}

TEST(Manifest, RefusesArchivesOtherArtifactsAndWrongDigests) {
  Json tar = layer("a");
  tar["mediaType"] = "application/vnd.cncf.model.weight.v1.tar+gzip";
  EXPECT_THAT(complaint(manifest(Json::array({tar}))), HasSubstr("not supported"));
  Json image = manifest(Json::array({layer("a")}));
  image["artifactType"] = "application/vnd.example";
  EXPECT_THAT(complaint(image), HasSubstr("not a model"));
  Json digest = layer("a");
  digest["digest"] = "sha256:ABC";
  EXPECT_THAT(complaint(manifest(Json::array({digest}))), HasSubstr("64 hex digits"));
  Json size = layer("a");
  size["size"] = -1;
  EXPECT_THAT(complaint(manifest(Json::array({size}))), HasSubstr("size"));
  EXPECT_THAT(complaint(manifest(Json::array())), HasSubstr("layers"));
  EXPECT_THAT(complaint({{"schemaVersion", 1}}), HasSubstr("schemaVersion"));
}

TEST(Manifest, RefusesAConfigurationTooLargeToRead) {
  Json large = manifest(Json::array({layer("a")}));
  large["config"]["size"] = kMaxConfigBytes + 1;
  EXPECT_THAT(complaint(large), HasSubstr("at most"));
}

TEST(Index, ReplacesANameAndKeepsWhatOthersWrote) {
  const std::string old = R"({"schemaVersion":2,"x-tool":1,"manifests":[)"
                          R"({"mediaType":"m","digest":")" +
                          kDigest +
                          R"(","size":1,"annotations":{"org.opencontainers.image.ref.name":"a","k":"v"}},)"
                          R"({"mediaType":"m","digest":")" +
                          kDigest + R"(","size":2,"platform":{"os":"linux"}}]})";
  const auto changed = index_with(old, "a", {"new", "", kDigest, 3, {}});
  ASSERT_TRUE(changed);
  const auto json = parse_json(*changed);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["x-tool"], 1);
  ASSERT_EQ((*json)["manifests"].size(), 2u);
  EXPECT_EQ((*json)["manifests"][0]["platform"]["os"], "linux");
  EXPECT_EQ((*json)["manifests"][1]["mediaType"], "new");
}

TEST(LayerTypes, FollowTheNameOfTheFile) {
  EXPECT_EQ(layer_type("transformer/model-00001-of-00002.safetensors"), kWeightType);
  EXPECT_EQ(layer_type("tokenizer/spiece.model"), kWeightConfigType);
  EXPECT_EQ(layer_type("model_index.json"), kWeightConfigType);
  EXPECT_EQ(layer_type("README.md"), kDocType);
  EXPECT_EQ(layer_type("LICENSE"), kDocType);
  EXPECT_EQ(layer_type("tools/convert.py"), kCodeType);
}

}  // namespace
}  // namespace wan::gallery
