// Every rule of the schemas, on the real API server: the definitions are walked, and each rule must be broken
// by a manifest of this table, with a message that is the rule's. A rule without an entry fails the test.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "operator/api/crd.h"
#include "operator/kube/api_error.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::HasSubstr;

struct Bad {
  const char* message;  // how the rule's message begins
  const char* value;    // YAML, put where the rule is
};

constexpr Bad kBad[] = {
    {"must be a quantity", "\"-1\""},
    {"must be an extended resource", "gpu"},
    {"must be a short name", "Not_Short"},
    {"must be WIDTHxHEIGHT", "100x100"},
    {"must be sha256:", "\"sha256:abc\""},
    {"must be a path of", "/a/../b"},
    {"must be the name of an object", "Not A Name"},
    {"must be letters, digits", "-x"},
    {"must be 4n+1", "18"},
    {"must be labels", "{-bad-: x}"},
    {"must be a relative path", "../x.mp4"},
    {"must be from 0.01", "0.001"},
    {"must have at least one label", "{}"},
    {"must not have keys", "{wan.gallery/x: y}"},
    {"path must be absolute", "{path: relative}"},
    {"source must say where", "{}"},
    {"cache must have exactly one", "{}"},
    {"output must name a store", "{}"},
    {"artifacts must name a store", "{}"},
    {"must be the address of an S3 server", "https://s3.example.com/bucket"},
    {"must be a key whose parts", "../ball.png"},
    {"must be the address of a file", "file:///etc/passwd"},
    {"must be the name of a bucket", "My_Films"},
    {"must be the name of a region", "EU"},
    {"must be a folder inside the bucket", "../clips"},
    {"must be a key of a ConfigMap", "a/b"},
    {"image must say where", "{}"},
    {"a toleration without key", "{operator: Equal}"},
    {"a toleration with a value", "{key: a, operator: Exists, value: b}"},
    {"tolerationSeconds is allowed only", "{key: a, operator: Exists, tolerationSeconds: 5}"},
    {"operator Exists and DoesNotExist take no values", "{key: a, operator: Exists, values: [b]}"},
    {"operator Gt and Lt take one integer", "{key: a, operator: Gt, values: [b]}"},
    {"allowedNamespaces must have selector", "{from: Selector}"},
    {"scaling.min must be", "{min: 3, max: 2}"},
    {"scaling.scaleToZeroAfterSeconds is", "{min: 1, max: 2, scaleToZeroAfterSeconds: 5}"},
    {"spec must have exactly one", "{prompt: x}"},
    {"precision is allowed with model only", "{prompt: x, deploymentRef: {name: d}, precision: fp32}"},
    {"output is required with model", "{prompt: x, model: {name: m}}"},
    {"output is required with deploymentRef", "{prompt: x, deploymentRef: {name: d, namespace: n}}"},
    {"metadata.name must be", "{metadata: {name: with.dot}}"},
};

// What rules about a change are broken by: the object as it is made, and the patch that is refused.
struct BadChange {
  const char* message;
  const char* spec;
  const char* patch;
};

constexpr const char* kServed =
    "{deploymentRef: {name: d}, prompt: p, negativePrompt: n, size: 96x96, frames: 17, fps: 16, steps: 4, "
    "guidanceScale: 4, shift: 3, sampler: unipc, seed: 1, output: {pvc: {claimName: c}}}";
constexpr BadChange kBadChanges[] = {
    {"deploymentRef cannot change", kServed, "{deploymentRef: {name: e}}"},
    {"model cannot change", "{model: {name: m}, prompt: p, output: {pvc: {claimName: c}}}",
     "{model: {name: o}}"},
    {"prompt cannot change", kServed, "{prompt: q}"},
    {"negativePrompt cannot change", kServed, "{negativePrompt: null}"},
    {"image cannot change", kServed, "{image: {configMap: {name: a, key: b}}}"},
    {"size cannot change", kServed, "{size: 112x112}"},
    {"frames cannot change", kServed, "{frames: null}"},
    {"fps cannot change", kServed, "{fps: 17}"},
    {"steps cannot change", kServed, "{steps: 5}"},
    {"guidanceScale cannot change", kServed, "{guidanceScale: 5}"},
    {"shift cannot change", kServed, "{shift: 5}"},
    {"sampler cannot change", kServed, "{sampler: euler}"},
    {"seed cannot change", kServed, "{seed: 2}"},
    {"precision cannot change",
     "{model: {name: m}, prompt: p, precision: fp32, output: {pvc: {claimName: c}}}", "{precision: bf16}"},
    {"output cannot change", kServed, "{output: {pvc: {claimName: e}}}"},
    {"activeDeadlineSeconds cannot change", kServed, "{activeDeadlineSeconds: 7}"},
    {"queueDeadlineSeconds cannot change", kServed, "{queueDeadlineSeconds: 7}"},
    {"backoffLimit cannot change", kServed, "{backoffLimit: 7}"},
    {"cannot be taken back", "{deploymentRef: {name: d}, prompt: p, cancel: true}", "{cancel: false}"},
    {"must not go down", "{model: {name: m}, access: {tokenGeneration: 2}}",
     "{access: {tokenGeneration: 1}}"},
};

struct Found {
  kube::Resource resource;
  std::vector<std::string> path;  // "[]" for an element of a list
  std::string message;
  bool of_change = false;
};

void walk(const Json& schema, const kube::Resource& resource, const std::vector<std::string>& path,
          std::vector<Found>& found) {
  for (const Json& rule : schema.value("x-kubernetes-validations", Json::array())) {
    const bool of_change = rule["rule"].get<std::string>().find("oldSelf") != std::string::npos;
    found.push_back({resource, path, rule["message"], of_change});
  }
  const auto go_on = [&](const std::string& name, const Json& inner) {
    std::vector<std::string> longer = path;
    longer.push_back(name);
    walk(inner, resource, longer, found);
  };
  for (const auto& [name, inner] : schema.value("properties", Json::object()).items()) go_on(name, inner);
  if (schema.contains("items")) go_on("[]", schema["items"]);
}

std::vector<Found> all_rules() {
  std::vector<Found> found;
  for (const api::Crd& crd : api::crds()) {
    const Json& version = crd.object["spec"]["versions"][0];
    const std::string kind = crd.object["spec"]["names"]["kind"];
    walk(version["schema"]["openAPIV3Schema"], *kube::find_resource("wan.gallery/v1alpha1", kind), {}, found);
  }
  return found;
}

template <class Table>
const auto* entry_for(const Table& table, const std::string& message) {
  for (const auto& one : table) {
    if (message.starts_with(one.message)) return &one;
  }
  return static_cast<decltype(&table[0])>(nullptr);
}

// A good object of the kind, of which the rule's place can be a part.
Json base_for(const Found& rule) {
  const std::string kind(rule.resource.kind);
  const bool one_shot = kind == "VideoJob" && rule.path.size() > 1 && rule.path[1] == "model";
  std::string spec = "{deploymentRef: {name: d}, prompt: p, output: {pvc: {claimName: c}}}";
  if (one_shot) spec = "{model: {name: m}, prompt: p, output: {pvc: {claimName: c}}}";
  if (kind == "VideoJob" && rule.path.size() > 1 && rule.path[1] == "image")
    spec = "{deploymentRef: {name: d}, prompt: p, image: {configMap: {name: a, key: b}}}";
  if (kind == "WanDeployment") spec = "{model: {name: m}}";
  const std::string bucket = "endpoint: 'https://e', bucket: abc, secretRef: {name: s}";
  const bool of_bucket = rule.path.size() > 2 && rule.path[2] == "s3";
  if (of_bucket && kind == "VideoJob")
    spec = "{deploymentRef: {name: d}, prompt: p, " + rule.path[1] + ": {s3: {key: a.mp4, " + bucket + "}}}";
  if (of_bucket && kind == "WanDeployment") spec = "{model: {name: m}, artifacts: {s3: {" + bucket + "}}}";
  if (kind == "GalleryModel")
    spec = "{source: {local: {path: /m}}, profiles: [{name: cpu, cpu: \"1\", memory: 1Gi}]}";
  Json object = *parse_yaml("{apiVersion: wan.gallery/v1alpha1, metadata: {name: x}, spec: " + spec + "}");
  object["kind"] = kind;
  return object;
}

Json broken(const Found& rule, const Bad& bad) {
  Json object = base_for(rule);
  const Json value = *parse_yaml(bad.value);
  if (rule.path.empty()) {
    object.update(value, true);
    return object;
  }
  Json* place = &object;
  for (const std::string& name : rule.path) place = name == "[]" ? &(*place)[0] : &(*place)[name];
  *place = value;
  return object;
}

class RulesTest : public ControlPlaneTest {
 protected:
  // The server's refusal, "" if it took the object.
  std::string refusal(const Found& rule, Json object) {
    if (rule.resource.namespaced) object["metadata"]["namespace"] = namespace_;
    if (!rule.path.empty() && rule.path[0] == "status") return status_refusal(rule, std::move(object));
    const auto made = run(api_->create(rule.resource, std::move(object)));
    if (!made) return made.error().message;
    EXPECT_TRUE(remove(rule.resource, string_or(*made, {"metadata", "name"}, "")));
    return "";
  }
  std::string status_refusal(const Found& rule, Json object) {
    Json good = base_for(rule);
    good["metadata"]["namespace"] = namespace_;
    EXPECT_TRUE(run(api_->create(rule.resource, good)));
    object.erase("spec");
    const auto made = run(api_->apply(rule.resource, std::move(object), "tests", "status"));
    EXPECT_TRUE(remove(rule.resource, string_or(good, {"metadata", "name"}, "")));
    return made ? "" : made.error().message;
  }
};

TEST_F(RulesTest, EachIsBrokenByAManifestAndSaysSo) {
  std::set<std::string> used;
  size_t checked = 0;
  for (const Found& rule : all_rules()) {
    if (rule.of_change) continue;
    std::string at(rule.resource.kind);
    for (const std::string& name : rule.path) at += "." + name;
    SCOPED_TRACE(at);
    const Bad* bad = entry_for(kBad, rule.message);
    ASSERT_NE(bad, nullptr) << "no manifest breaks: " << rule.message;
    EXPECT_THAT(refusal(rule, broken(rule, *bad)), HasSubstr(rule.message));
    used.insert(bad->message);
    ++checked;
  }
  EXPECT_EQ(used.size(), std::size(kBad)) << "every entry of the table is used";
  std::printf("%zu rules broken\n", checked);
}

TEST_F(RulesTest, EachAboutAChangeIsBrokenByOneAndSaysSo) {
  std::set<std::string> used;
  for (const Found& rule : all_rules()) {
    if (!rule.of_change) continue;
    const BadChange* bad = entry_for(kBadChanges, rule.message);
    ASSERT_NE(bad, nullptr) << "no change breaks: " << rule.message;
    Json object = base_for(rule);
    object["metadata"]["namespace"] = namespace_;
    object["spec"] = *parse_yaml(bad->spec);
    const auto made = run(api_->create(rule.resource, std::move(object)));
    ASSERT_TRUE(made) << made.error().message;
    const auto changed = patch(rule.resource, "x", std::string("spec: ") + bad->patch);
    ASSERT_FALSE(changed) << rule.message;
    EXPECT_THAT(changed.error().message, HasSubstr(rule.message));
    EXPECT_TRUE(remove(rule.resource, "x"));
    used.insert(bad->message);
  }
  EXPECT_EQ(used.size(), std::size(kBadChanges)) << "every entry of the table is used";
}

}  // namespace
}  // namespace wan
