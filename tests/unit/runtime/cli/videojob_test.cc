#include "runtime/cli/videojob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/io/file.h"
#include "base/json/json.h"
#include "tests/support/paths.h"

namespace wan::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string manifest(const std::string& spec) {
  return "apiVersion: wan.gallery/v1alpha1\nkind: VideoJob\nmetadata: {name: red-ball}\nspec: " + spec + "\n";
}

std::string error_of(const std::string& yaml) {
  const auto job = parse_videojob(yaml);
  return job ? "no error" : job.error().message;
}

TEST(VideoJobManifest, IsReadWithTheFieldsOfTheCluster) {
  const auto job = parse_videojob(
      manifest("{model: {name: wan-tiny}, prompt: a red ball, steps: 5, guidanceScale: 2.5, seed: 42, "
               "output: {pvc: {claimName: videos, path: balls/red.mp4}}, priority: 3, backoffLimit: 1}"));
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_EQ(job->name, "red-ball");
  EXPECT_EQ(job->namespace_, "default");
  EXPECT_EQ(job->model, "wan-tiny");
  EXPECT_EQ(job->output_path, "balls/red.mp4");
  EXPECT_EQ(job->generation.prompt, "a red ball");
  EXPECT_EQ(job->generation.steps, 5);
  EXPECT_EQ(job->generation.seed, 42);
}

TEST(VideoJobManifest, EveryFieldOfTheResourceDefinitionIsKnown) {
  auto definition =
      parse_yaml(*read_file(testing::source_dir() / "crds/wan.gallery_videojobs.yaml", 1U << 20));
  ASSERT_TRUE(definition.has_value());
  const Json& spec = definition->at("spec")
                         .at("versions")
                         .at(0)
                         .at("schema")
                         .at("openAPIV3Schema")
                         .at("properties")
                         .at("spec");
  for (const auto& [field, schema] : spec.at("properties").items()) {
    EXPECT_THAT(error_of(manifest("{" + field + ": null}")), Not(HasSubstr("unknown field"))) << field;
  }
}

TEST(VideoJobManifest, ADeploymentInTheSameFileSaysWhichModelItsNameMeans) {
  const std::string deployment =
      "apiVersion: wan.gallery/v1alpha1\nkind: WanDeployment\nmetadata: {name: studio}\nspec: {model: {name: "
      "wan-big}}\n";
  const std::string job = manifest("{deploymentRef: {name: studio}, prompt: x}");
  EXPECT_EQ(parse_videojob(deployment + "---\n" + job)->model, "wan-big");
  EXPECT_EQ(parse_videojob(job)->model, "studio");
  EXPECT_EQ(parse_videojob(job)->output_path, "red-ball.mp4");
}

TEST(VideoJobManifest, UnknownFieldsAreNamedWithThoseAllowed) {
  EXPECT_THAT(error_of(manifest("{prompt: x, cfg: 4}")),
              AllOf(HasSubstr("spec.cfg: unknown field"), HasSubstr("guidanceScale")));
  EXPECT_THAT(error_of(manifest("{prompt: x, model: {nam: a}}")),
              AllOf(HasSubstr("spec.model.nam: unknown field"), HasSubstr("digest")));
  EXPECT_THAT(error_of(manifest("{prompt: x, output: {pvc: {claim: a}}}")),
              HasSubstr("spec.output.pvc.claim"));
  EXPECT_THAT(error_of("extra: 1\n" + manifest("{prompt: x}")),
              HasSubstr("extra: unknown field; allowed: apiVersion"));
  EXPECT_THAT(error_of(manifest("{prompt: x, model: {name: a, placement: {tolerations: [{kei: b}]}}}")),
              HasSubstr("spec.model.placement.tolerations[0].kei: unknown field"));
}

TEST(VideoJobManifest, WhatIsNotAVideoJobIsRefused) {
  EXPECT_THAT(error_of("kind: ConfigMap"), HasSubstr("has no VideoJob"));
  EXPECT_THAT(error_of(""), HasSubstr("has no VideoJob"));
  EXPECT_THAT(error_of(manifest("{prompt: x}") + "---\n" + manifest("{prompt: y}")),
              HasSubstr("several VideoJobs"));
  EXPECT_THAT(error_of("kind: VideoJob\napiVersion: wan.gallery/v2\nmetadata: {name: a}\nspec: {}"),
              HasSubstr("'wan.gallery/v2' is not allowed"));
  EXPECT_THAT(error_of("kind: VideoJob\napiVersion: wan.gallery/v1alpha1\nspec: {}"),
              HasSubstr("metadata.name: missing"));
  EXPECT_THAT(error_of(manifest("[1]")), HasSubstr("spec: must be an object"));
  EXPECT_THAT(error_of(manifest("{deploymentRef: {name: a}, model: {name: b}}")),
              HasSubstr("exactly one is allowed"));
}

TEST(VideoJobManifest, AnOutputPathStaysInItsFolder) {
  for (const char* path : {"../a.mp4", "/a.mp4", "a/../../b.mp4", "a/", "''"}) {
    EXPECT_THAT(error_of(manifest("{prompt: x, output: {pvc: {path: " + std::string(path) + "}}}")),
                HasSubstr("spec.output.pvc.path"))
        << path;
  }
}

TEST(VideoJobManifest, AKeyOfABucketIsAPathToo) {
  const auto job = [](const std::string& key) {
    return manifest("{prompt: x, output: {s3: {endpoint: 'https://e', bucket: films, key: " + key +
                    ", secretRef: {name: s}}}}");
  };
  EXPECT_EQ(parse_videojob(job("clips/a.mp4"))->output_path, "clips/a.mp4");
  EXPECT_THAT(error_of(job("../a.mp4")), HasSubstr("spec.output.s3.key: '../a.mp4'"));
}

TEST(VideoJobManifest, WrongTypesAreErrorsOfTheField) {
  EXPECT_THAT(error_of(manifest("{prompt: x, steps: many}")), HasSubstr("spec: steps: \"many\""));
}

}  // namespace
}  // namespace wan::cli
