#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "operator/api/gallery_model.h"
#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "tests/support/paths.h"

namespace wan::api {
namespace {

using ::testing::HasSubstr;

Json manifest(const std::string& name) {
  std::ifstream in(testing::source_dir() / "tests/unit/operator/api/manifests/good" / name);
  std::ostringstream text;
  text << in.rdbuf();
  const auto json = parse_yaml(text.str());
  EXPECT_TRUE(json) << name;
  return json.value_or(Json());
}

// Every field of `part` is in `whole` with the same value.
void expect_contains(const Json& whole, const Json& part, const std::string& path) {
  for (const auto& [key, value] : part.items()) {
    ASSERT_TRUE(whole.contains(key)) << path << "." << key;
    if (value.is_object()) {
      expect_contains(whole[key], value, path + "." + key);
    } else if (whole[key].is_string()) {
      // A Quantity written as a number is kept as text.
      EXPECT_EQ(whole[key], value.is_string() ? value : Json(value.dump())) << path << "." << key;
    } else if (!value.is_array()) {
      EXPECT_EQ(whole[key], value) << path << "." << key;
    }
  }
}

TEST(Codec, ReadsAndWritesEveryFieldOfAFullManifest) {
  const auto model = from_json<GalleryModel>(manifest("gallerymodel-full.yaml"));
  ASSERT_TRUE(model) << model.error().message;
  expect_contains(to_json(model->spec), manifest("gallerymodel-full.yaml")["spec"], "spec");
  const auto deployment = from_json<WanDeployment>(manifest("wandeployment-full.yaml"));
  ASSERT_TRUE(deployment) << deployment.error().message;
  expect_contains(to_json(deployment->spec), manifest("wandeployment-full.yaml")["spec"], "spec");
  const auto job = from_json<VideoJob>(manifest("videojob-oneshot.yaml"));
  ASSERT_TRUE(job) << job.error().message;
  expect_contains(to_json(job->spec), manifest("videojob-oneshot.yaml")["spec"], "spec");
}

template <typename K>
void expect_round_trip(const std::string& name) {
  const auto object = from_json<K>(manifest(name));
  ASSERT_TRUE(object) << object.error().message;
  const auto again =
      from_json<K>({{"metadata", {{"name", object->metadata.name}}}, {"spec", to_json(object->spec)}});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->spec, object->spec);
}

TEST(Codec, WritesWhatReadsBackAsTheSame) {
  expect_round_trip<GalleryModel>("gallerymodel-full.yaml");
  expect_round_trip<WanDeployment>("wandeployment-full.yaml");
  expect_round_trip<VideoJob>("videojob-oneshot.yaml");
}

TEST(Codec, FillsInDefaultsWhereTheJsonIsSilent) {
  const auto job = from_json<VideoJob>(manifest("videojob-minimal.yaml"));
  ASSERT_TRUE(job);
  EXPECT_EQ(job->spec.active_deadline_seconds, 3600);
  EXPECT_EQ(job->spec.backoff_limit, 3);
  EXPECT_EQ(job->status.observed_generation, -1);
  EXPECT_FALSE(job->spec.seed);
}

TEST(Codec, KeepsAnEmptyNegativePromptApartFromNone) {
  Json json = manifest("videojob-minimal.yaml");
  EXPECT_FALSE(to_json(from_json<VideoJob>(json)->spec).contains("negativePrompt"));
  json["spec"]["negativePrompt"] = "";
  EXPECT_EQ(to_json(from_json<VideoJob>(json)->spec)["negativePrompt"], "");
}

TEST(Codec, IgnoresFieldsOfALaterVersion) {
  Json json = manifest("videojob-minimal.yaml");
  json["spec"]["camera"] = {{"pan", "left"}};
  json["status"] = {{"checkpoint", 3}, {"phase", "Queued"}};
  const auto job = from_json<VideoJob>(json);
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->status.phase, "Queued");
}

struct Wrong {
  const char* name;
  Json spec;
  const char* message;
};

class WrongType : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongType, IsRefusedWithItsPath) {
  Json json = manifest("videojob-minimal.yaml");
  json["spec"].update(GetParam().spec);
  const auto job = from_json<VideoJob>(json);
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(job.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, WrongType,
    ::testing::Values(
        Wrong{"TextForANumber", {{"frames", "many"}}, "spec.frames must be an integer, not string"},
        Wrong{"AFraction", {{"frames", 1.5}}, "spec.frames must be an integer"},
        Wrong{"MoreThan32Bits", {{"frames", 1ll << 40}}, "spec.frames is 1099511627776, allowed are"},
        Wrong{"MoreThan64Bits", {{"seed", ~0ull}}, "spec.seed must be an integer of 64 bits"},
        Wrong{"ANumberForText", {{"prompt", 5}}, "spec.prompt must be a string, not number"},
        Wrong{"TextForABool", {{"cancel", "yes"}}, "spec.cancel must be true or false"},
        Wrong{"TextForAnObject", {{"output", "here"}}, "spec.output must be an object"},
        Wrong{"AListForAMember",
              {{"output", {{"pvc", {{"claimName", Json::array()}}}}}},
              "spec.output.pvc.claimName must be a string, not array"}),
    [](const auto& info) { return info.param.name; });

TEST(Codec, NeedsAName) {
  EXPECT_FALSE(from_json<VideoJob>(Json::object()));
  EXPECT_FALSE(from_json<VideoJob>({{"metadata", Json::object()}}));
}

TEST(Codec, KeepsOnlyOurOwnLabelsAndAnnotations) {
  Json json = manifest("videojob-minimal.yaml");
  json["metadata"]["labels"] = {{"wan.gallery/x", "1"}, {"argocd.argoproj.io/instance", "app"}};
  json["metadata"]["annotations"] = {{"kubectl.kubernetes.io/last-applied-configuration", "{}"}};
  json["metadata"]["ownerReferences"] =
      Json::array({{{"kind", "A"}, {"uid", "1"}}, {{"kind", "B"}, {"uid", "2"}, {"controller", true}}});
  const auto job = from_json<VideoJob>(json);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->metadata.labels.size(), 1u);
  EXPECT_TRUE(job->metadata.annotations.empty());
  EXPECT_TRUE(job->metadata.controlled_by("2"));
  EXPECT_FALSE(job->metadata.controlled_by("1"));
}

}  // namespace
}  // namespace wan::api
