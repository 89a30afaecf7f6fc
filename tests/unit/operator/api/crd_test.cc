#include "operator/api/crd.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "tests/support/paths.h"

namespace wan::api {
namespace {

const std::filesystem::path kFolder = testing::source_dir() / "crds";

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Calls `visit(path, schema)` for every property below `schema`.
template <typename F>
void each_property(const Json& schema, const std::string& path, const F& visit) {
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      visit(path + "." + name, property);
      each_property(property, path + "." + name, visit);
    }
  }
  if (schema.contains("items")) each_property(schema["items"], path + "[]", visit);
}

const Json& root_schema(const Crd& crd) {
  return crd.object["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

Json crd_of(const std::string& kind) {
  for (const Crd& crd : crds()) {
    if (crd.object["spec"]["names"]["kind"] == kind) return crd.object;
  }
  return {};
}

TEST(Crds, TheCommittedFilesAreWhatTheFieldTablesSay) {
  std::set<std::string> expected;
  for (const Crd& crd : crds()) {
    expected.insert(crd.file_name);
    if (std::getenv("WAN_UPDATE_CRDS")) std::ofstream(kFolder / crd.file_name, std::ios::binary) << crd.yaml;
    EXPECT_EQ(read(kFolder / crd.file_name), crd.yaml)
        << crd.file_name << " differs: run WAN_UPDATE_CRDS=1 operator_api_test --gtest_filter='Crds.*'";
  }
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("wan.gallery_")) EXPECT_TRUE(expected.contains(name)) << name << " has no kind";
  }
}

TEST(Crds, TheYamlReadsBackAsTheSameObject) {
  for (const Crd& crd : crds()) {
    const auto back = parse_yaml(crd.yaml);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, crd.object) << crd.file_name;
  }
  const auto all = parse_yaml_documents(crds_yaml());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 3u);
}

TEST(Crds, EveryFieldIsDescribed) {
  for (const Crd& crd : crds()) {
    each_property(root_schema(crd), "", [&](const std::string& path, const Json& property) {
      if (path == ".metadata") return;
      EXPECT_FALSE(property.value("description", "").empty()) << crd.file_name << path;
    });
  }
}

TEST(Crds, EveryListSaysHowItMerges) {
  for (const Crd& crd : crds()) {
    each_property(root_schema(crd), "", [&](const std::string& path, const Json& property) {
      if (property.value("type", "") != "array") return;
      EXPECT_TRUE(property.contains("x-kubernetes-list-type")) << crd.file_name << path;
    });
  }
}

TEST(Crds, EveryStringAndListOfASpecIsBounded) {
  for (const Crd& crd : crds()) {
    const Json& spec = root_schema(crd)["properties"]["spec"];
    each_property(spec, ".spec", [&](const std::string& path, const Json& property) {
      const std::string type = property.value("type", "");
      if (type == "string") EXPECT_TRUE(property.contains("maxLength")) << crd.file_name << path;
      if (type == "array") EXPECT_TRUE(property.contains("maxItems")) << crd.file_name << path;
      if (property.contains("additionalProperties")) {
        EXPECT_TRUE(property.contains("maxProperties")) << crd.file_name << path;
      }
    });
  }
}

TEST(Crds, StatusDefaultsToGenerationMinusOneSoThatANewObjectIsNeverTakenForDone) {
  for (const Crd& crd : crds()) {
    const Json& status = root_schema(crd)["properties"]["status"];
    EXPECT_EQ(status["default"]["observedGeneration"], -1);
    EXPECT_EQ(status["properties"]["observedGeneration"]["default"], -1);
    EXPECT_EQ(status["properties"]["conditions"]["x-kubernetes-list-type"], "map");
    EXPECT_EQ(status["properties"]["conditions"]["x-kubernetes-list-map-keys"], Json::array({"type"}));
  }
}

TEST(Crds, EachFitsIntoAnAnnotationOfKubectlApply) {
  for (const Crd& crd : crds()) EXPECT_LT(crd.object.dump().size(), 262144u) << crd.file_name;
}

TEST(Crds, AreInTheCategoryWanWithAShortName) {
  std::set<std::string> short_names;
  for (const Crd& crd : crds()) {
    const Json& names = crd.object["spec"]["names"];
    EXPECT_EQ(names["categories"], Json::array({"wan"}));
    short_names.insert(names["shortNames"][0].get<std::string>());
  }
  EXPECT_EQ(short_names, (std::set<std::string>{"gm", "vj", "wd"}));
}

TEST(Crds, WanDeploymentScalesThroughTheScaleSubresource) {
  const Json scale = crd_of("WanDeployment")["spec"]["versions"][0]["subresources"]["scale"];
  EXPECT_EQ(scale["specReplicasPath"], ".spec.replicas");
  EXPECT_EQ(scale["statusReplicasPath"], ".status.replicas");
  EXPECT_EQ(scale["labelSelectorPath"], ".status.selector");
}

TEST(Crds, OfAVideoJobOnlyWhatSteersItMayChange) {
  const Json crd = crd_of("VideoJob");
  const Json& spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
  std::set<std::string> free;
  for (const auto& [name, property] : spec["properties"].items()) free.insert(name);
  for (const Json& rule : spec["x-kubernetes-validations"]) {
    const std::string message = rule["message"];
    const size_t end = message.find(" cannot change");
    if (end != std::string::npos) free.erase(message.substr(0, end));
  }
  EXPECT_EQ(free,
            (std::set<std::string>{"cancel", "priority", "retention", "suspend", "ttlSecondsAfterFinished"}));
}

TEST(Crds, DefaultsAreTheInitialValuesOfTheStructs) {
  const Json crd = crd_of("VideoJob");
  const Json& spec =
      crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
  EXPECT_EQ(spec["activeDeadlineSeconds"]["default"], 3600);
  EXPECT_EQ(spec["queueDeadlineSeconds"]["default"], 86400);
  EXPECT_EQ(spec["backoffLimit"]["default"], 3);
  EXPECT_EQ(spec["cancel"]["default"], false);
  EXPECT_FALSE(spec["seed"].contains("default"));
}

}  // namespace
}  // namespace wan::api
