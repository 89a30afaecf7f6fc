#include "runtime/pipeline/generation.h"

#include <cmath>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/pipeline/generator.h"
#include "runtime/pipeline/identify_model.h"
#include "runtime/scheduler/schedule.h"
#include "tests/support/paths.h"
#include "tests/unit/base/temporary_folder.h"

namespace wan::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

GenerationDefaults tiny_defaults() {
  GenerationDefaults defaults;
  defaults.size = "96x96";
  defaults.frames = 17;
  defaults.steps = 20;
  defaults.guidance_scale = 4;
  defaults.shift = 3;
  return defaults;
}

GenerationSpec ball() {
  GenerationSpec spec;
  spec.prompt = "a red ball";
  return spec;
}

std::string error_after(const std::function<void(GenerationSpec&)>& change) {
  GenerationSpec spec = ball();
  change(spec);
  const auto resolved = resolve(spec, tiny_defaults(), "default", "red-ball");
  if (resolved) return "no error";
  EXPECT_EQ(resolved.error().code, ErrorCode::kInvalidArgument);
  return resolved.error().message;
}

TEST(Resolve, FillsTheGapsFromTheModelsDefaults) {
  GenerationSpec spec = ball();
  spec.steps = 5;
  const auto resolved = resolve(spec, tiny_defaults(), "default", "red-ball");
  ASSERT_TRUE(resolved.has_value()) << resolved.error().message;
  EXPECT_EQ(resolved->width, 96);
  EXPECT_EQ(resolved->height, 96);
  EXPECT_EQ(resolved->frames, 17);
  EXPECT_EQ(resolved->steps, 5);
  EXPECT_EQ(resolved->sampler, "unipc");
  EXPECT_EQ(resolved->negative_prompt, "");
}

GenerationDefaults image_defaults() {
  GenerationDefaults defaults = tiny_defaults();
  defaults.task = "image-to-video";
  return defaults;
}

GenerationSpec with_image(int width, int height) {
  GenerationSpec spec = ball();
  spec.image = std::make_shared<InputImage>(InputImage{width, height, {}, "sha256:" + std::string(64, 'a')});
  return spec;
}

TEST(ResolveWithImage, TheImageGivesTheShapeAndTheSizeTheArea) {
  GenerationSpec spec = with_image(1280, 720);
  spec.size = "832x480";
  const auto resolved = resolve(spec, image_defaults(), "default", "red-ball");
  ASSERT_TRUE(resolved.has_value()) << resolved.error().message;
  EXPECT_EQ(resolved->width, 832);
  EXPECT_EQ(resolved->height, 464);
  EXPECT_EQ(to_json(*resolved)["image"], spec.image->digest);
}

TEST(ResolveWithImage, AnotherImageGivesAnotherSeed) {
  const GenerationSpec one = with_image(64, 64);
  InputImage other = *one.image;
  other.digest = "sha256:" + std::string(64, 'b');
  GenerationSpec two = ball();
  two.image = std::make_shared<InputImage>(other);
  EXPECT_NE(resolve(one, image_defaults(), "default", "a")->seed,
            resolve(two, image_defaults(), "default", "a")->seed);
}

TEST(ResolveWithImage, AMissingOrUselessImageIsAnErrorThatNamesTheField) {
  const auto message = [](const GenerationSpec& spec, const GenerationDefaults& defaults) {
    const auto resolved = resolve(spec, defaults, "default", "red-ball");
    return resolved ? std::string("no error") : resolved.error().message;
  };
  EXPECT_THAT(message(ball(), image_defaults()), HasSubstr("image: missing"));
  EXPECT_THAT(message(with_image(64, 64), tiny_defaults()), HasSubstr("image: not allowed"));
  EXPECT_THAT(message(with_image(3000, 17), image_defaults()),
              HasSubstr("image: 3000x17 is too long and thin"));
  GenerationSpec large = with_image(3000, 17);
  large.size = "832x480";
  EXPECT_THAT(message(large, image_defaults()), AllOf(HasSubstr("image: 3000x17"), HasSubstr("4096")));
}

TEST(Resolve, NamesTheFieldTheValueAndWhatIsAllowed) {
  EXPECT_THAT(error_after([](auto& s) { s.prompt.reset(); }), HasSubstr("prompt: missing; say"));
  EXPECT_THAT(error_after([](auto& s) { s.prompt = "\xff"; }), HasSubstr("prompt: the text is not UTF-8"));
  EXPECT_THAT(error_after([](auto& s) { s.prompt = std::string(4097, 'a'); }), HasSubstr("4097 characters"));
  EXPECT_THAT(error_after([](auto& s) { s.frames = 16; }),
              AllOf(HasSubstr("frames: 16"), HasSubstr("4n+1"), HasSubstr("13 and 17")));
  EXPECT_THAT(error_after([](auto& s) { s.frames = 1029; }), HasSubstr("from 1 to 1025"));
  EXPECT_THAT(error_after([](auto& s) { s.fps = 0; }), AllOf(HasSubstr("fps: 0"), HasSubstr("1 to 120")));
  EXPECT_THAT(error_after([](auto& s) { s.steps = 1001; }),
              AllOf(HasSubstr("steps: 1001"), HasSubstr("1 to 1000")));
  EXPECT_THAT(error_after([](auto& s) { s.guidance_scale = -1; }), HasSubstr("guidanceScale: -1"));
  EXPECT_THAT(error_after([](auto& s) { s.guidance_scale = std::nan(""); }), HasSubstr("guidanceScale: nan"));
  EXPECT_THAT(error_after([](auto& s) { s.shift = 0; }),
              AllOf(HasSubstr("shift: 0"), HasSubstr("0.01 to 100")));
  EXPECT_THAT(error_after([](auto& s) { s.sampler = "heun"; }),
              HasSubstr("sampler: 'heun' is not allowed; allowed: unipc, dpm++, euler, "));
  EXPECT_THAT(error_after([](auto& s) { s.seed = 4294967296; }), HasSubstr("seed: 4294967296"));
}

TEST(Resolve, AcceptsOnlySizesThatTheModelCanMake) {
  for (const char* size : {"96", "96x", "x96", "96x96x96", "100x96", "96X96", " 96x96", "0x96", "-96x96",
                           "4112x96", "99999999999999999999x96", ""}) {
    EXPECT_THAT(error_after([&](auto& s) { s.size = size; }), HasSubstr("size: '" + std::string(size) + "'"))
        << size;
  }
  GenerationSpec spec = ball();
  spec.size = "4096x16";
  EXPECT_TRUE(resolve(spec, tiny_defaults(), "default", "x").has_value());
}

TEST(Resolve, AMissingSeedDependsOnNamespaceNameAndInputsAlone) {
  const auto seed = [](const GenerationSpec& spec, const char* namespace_, const char* name) {
    return resolve(spec, tiny_defaults(), namespace_, name)->seed;
  };
  const int64_t first = seed(ball(), "default", "red-ball");
  EXPECT_EQ(seed(ball(), "default", "red-ball"), first);
  EXPECT_NE(seed(ball(), "default", "other"), first);
  EXPECT_NE(seed(ball(), "other", "red-ball"), first);
  GenerationSpec longer = ball();
  longer.frames = 21;
  EXPECT_NE(seed(longer, "default", "red-ball"), first);
  GenerationSpec same_by_hand = ball();
  same_by_hand.frames = 17;
  EXPECT_EQ(seed(same_by_hand, "default", "red-ball"), first);
  EXPECT_GE(first, 0);
  EXPECT_LE(first, 4294967295);
}

TEST(SpecFromJson, ReadsTheFieldsOfAVideoJob) {
  const Json json = {{"prompt", "p"},
                     {"negativePrompt", "n"},
                     {"size", "96x96"},
                     {"frames", 5},
                     {"fps", 8},
                     {"steps", 3},
                     {"guidanceScale", 2.5},
                     {"shift", 4},
                     {"sampler", "unipc"},
                     {"seed", 7},
                     {"output", {{"pvc", {}}}}};
  const auto spec = generation_spec_from_json(json);
  ASSERT_TRUE(spec.has_value()) << spec.error().message;
  EXPECT_EQ(spec->prompt, "p");
  EXPECT_EQ(spec->negative_prompt, "n");
  EXPECT_EQ(spec->guidance_scale, 2.5);
  EXPECT_EQ(spec->shift, 4);
  EXPECT_EQ(spec->seed, 7);
}

TEST(SpecFromJson, RefusesWrongTypesByName) {
  EXPECT_THAT(generation_spec_from_json({{"steps", "20"}}).error().message,
              HasSubstr("steps: \"20\" is not allowed; it must be a whole number"));
  EXPECT_THAT(generation_spec_from_json({{"steps", 1.5}}).error().message, HasSubstr("steps: 1.5"));
  EXPECT_THAT(generation_spec_from_json({{"prompt", 7}}).error().message, HasSubstr("prompt: 7"));
  EXPECT_THAT(generation_spec_from_json({{"frames", 99999999999}}).error().message,
              HasSubstr("frames: 99999999999"));
  EXPECT_THAT(generation_spec_from_json(Json::array()).error().message, HasSubstr("must be an object"));
}

class ModelDirectory : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    fs::create_directories((folder_.path() / file).parent_path());
    ASSERT_TRUE(write_file_atomically(folder_.path() / file, text).has_value());
  }
  wan::testing::TemporaryFolder folder_;
};

TEST_F(ModelDirectory, TheBuiltInModelSaysItsDefaultsItself) {
  const auto defaults = read_generation_defaults(testing::source_dir() / "runtime/models/wan-tiny");
  ASSERT_TRUE(defaults.has_value()) << defaults.error().message;
  EXPECT_EQ(defaults->size, "96x96");
  EXPECT_EQ(defaults->frames, 17);
  EXPECT_EQ(defaults->steps, 20);
  EXPECT_EQ(defaults->guidance_scale, 4);
  EXPECT_EQ(defaults->shift, 3);
  EXPECT_EQ(defaults->negative_prompt, "");
}

TEST_F(ModelDirectory, APublishedModelWithoutDefaultsGetsTheOfficialOnes) {
  const auto defaults = read_generation_defaults(folder_.path());
  ASSERT_TRUE(defaults.has_value()) << defaults.error().message;
  EXPECT_EQ(defaults->size, "832x480");
  EXPECT_EQ(defaults->frames, 81);
  EXPECT_EQ(defaults->steps, 50);
  EXPECT_EQ(defaults->shift, 5);
  const auto manifest =
      parse_json(*read_file(testing::source_dir() / "tests/golden/data/pipeline_t2v/manifest.json"));
  EXPECT_EQ(Json(defaults->negative_prompt), (*manifest)["cases"][0]["n_prompt"]);
}

TEST_F(ModelDirectory, AnImageToVideoModelHasTheOfficialPromptWithItsPrefix) {
  const Json manifest =
      *parse_json(*read_file(testing::source_dir() / "tests/golden/data/pipeline_i2v/manifest.json"));
  const Json official = manifest["cases"][0]["n_prompt"];
  write("model_index.json", R"({"_class_name": "WanImageToVideoPipeline"})");
  EXPECT_EQ(Json(read_generation_defaults(folder_.path())->negative_prompt), official);
  fs::remove(folder_.path() / "model_index.json");
  write("config.json", R"({"_class_name": "WanModel", "model_type": "i2v"})");  // the official layout
  const auto defaults = read_generation_defaults(folder_.path());
  EXPECT_EQ(defaults->task, "image-to-video");
  EXPECT_EQ(Json(defaults->negative_prompt), official);
  // A model's own defaults may leave it to the official text.
  write("generation_config.json",
        R"({"task":"image-to-video","size":"96x96","frames":17,"steps":20,"guidanceScale":4,"shift":3})");
  EXPECT_EQ(Json(read_generation_defaults(folder_.path())->negative_prompt), official);
}

TEST_F(ModelDirectory, WrongDefaultsNameTheFileAndTheField) {
  write("generation_config.json",
        R"({"size":"96x96","frames":17,"steps":20,"guidanceScale":4,"shift":3,"cfg":1})");
  EXPECT_THAT(read_generation_defaults(folder_.path()).error().message,
              AllOf(HasSubstr("generation_config.json"), HasSubstr("unknown field 'cfg'")));
  write("generation_config.json", R"({"size":"96x96"})");
  EXPECT_THAT(read_generation_defaults(folder_.path()).error().message, HasSubstr("must all be set"));
}

TEST_F(ModelDirectory, OfficialImageToVideoTakesAnotherShiftAt480p) {
  write("config.json", R"({"_class_name": "WanModel", "model_type": "i2v"})");
  const auto defaults = read_generation_defaults(folder_.path());
  ASSERT_TRUE(defaults.has_value()) << defaults.error().message;
  GenerationSpec spec;
  spec.prompt = "a dog";
  InputImage image;
  image.width = 832;
  image.height = 480;
  spec.image = std::make_shared<const InputImage>(image);
  const auto shift_at = [&](const std::string& size) {
    spec.size = size;
    return resolve(spec, *defaults, "default", "a")->shift;
  };
  EXPECT_EQ(shift_at("832x480"), 3);
  EXPECT_EQ(shift_at("480x832"), 3);
  EXPECT_EQ(shift_at("1280x720"), 5);
  spec.shift = 8;
  EXPECT_EQ(shift_at("832x480"), 8);
}

TEST_F(ModelDirectory, ADigestCoversNamesAndContentsButNotHiddenFiles) {
  write("model_index.json", "{}");
  write("vae/config.json", "a");
  const auto first = identify_model(folder_.path());
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(first->name, folder_.path().filename());
  write(".hidden", "x");
  EXPECT_EQ(identify_model(folder_.path())->digest, first->digest);
  write("vae/config.json", "b");
  EXPECT_NE(identify_model(folder_.path())->digest, first->digest);
}

TEST_F(ModelDirectory, APulledModelKeepsTheStoresNameAndDigest) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  write(".wan-model.json", R"({"name":"wan-tiny","digest":")" + digest + R"("})");
  const auto info = identify_model(folder_.path());
  ASSERT_TRUE(info.has_value()) << info.error().message;
  EXPECT_EQ(info->name, "wan-tiny");
  EXPECT_EQ(info->digest, digest);
  write(".wan-model.json", R"({"name":"wan-tiny","digest":"sha256:short"})");
  EXPECT_THAT(identify_model(folder_.path()).error().message, HasSubstr("pull the model again"));
}

TEST(ProbeGeneration, IsAValidRequestOfTheModel) {
  ModelInfo info;
  info.defaults = tiny_defaults();
  const auto probe = probe_generation(info);
  EXPECT_EQ(probe.steps, 1);
  EXPECT_EQ(probe.frames % 4, 1);
  EXPECT_EQ(probe.task, "text-to-video");
  EXPECT_EQ(probe.image, nullptr);
  info.defaults.task = "image-to-video";
  ASSERT_NE(probe_generation(info).image, nullptr);
  EXPECT_EQ(probe_generation(info).image->rgb.size(), 64U * 64 * 3);
}

TEST(Samplers, AreThoseThatTheCustomResourceAllows) {
  const auto text = read_file(testing::source_dir() / "crds/wan.gallery_videojobs.yaml", 1U << 20);
  ASSERT_TRUE(text.has_value());
  const auto documents = parse_yaml_documents(*text, {.max_bytes = 1U << 20});
  ASSERT_TRUE(documents.has_value());
  const Json& version = documents->front()["spec"]["versions"][0];
  const Json& fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
  Json names = Json::array();
  for (const auto& kind : scheduler::sampler_kinds()) names.push_back(std::string(kind.name));
  EXPECT_EQ(fields["sampler"]["enum"], names);
}

}  // namespace
}  // namespace wan::pipeline
