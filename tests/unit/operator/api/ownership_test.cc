#include "operator/api/ownership.h"

#include <gtest/gtest.h>

namespace wan::api {
namespace {

Json yaml(const std::string& text) { return parse_yaml(text).value(); }

const Json kIntent = yaml(R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: x, namespace: ns, labels: {a: b}, ownerReferences: [{uid: u, kind: K}]}
spec:
  replicas: 1
  selector: {matchLabels: {a: b}}
  template:
    spec:
      containers: [{name: c, command: [run, fast], ports: [{containerPort: 80, protocol: TCP}]}]
      volumes: [{name: tmp, emptyDir: {}}]
)");

Json fields() {
  return yaml(R"({
    "f:metadata": {"f:labels": {"f:a": {}}, "f:ownerReferences": {"k:{\"uid\":\"u\"}": {}}},
    "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {
      "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:command": {},
        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":
          {".": {}, "f:containerPort": {}, "f:protocol": {}}}}},
      "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}}}}}})");
}

Json managed(const std::string& manager, const std::string& operation, const std::string& subresource = "") {
  Json entry = {{"manager", manager}, {"operation", operation}, {"fieldsV1", {{"f:x", Json::object()}}}};
  if (!subresource.empty()) entry["subresource"] = subresource;
  return {{"metadata", {{"managedFields", Json::array({entry})}}}};
}

TEST(Ownership, IsReadFromTheOperatorsOwnApplies) {
  EXPECT_EQ(owned_fields(managed("wan-operator", "Apply")), R"({"f:x":{}})");
  EXPECT_EQ(owned_fields(managed("kubectl", "Apply")), "");
  EXPECT_EQ(owned_fields(managed("wan-operator", "Update")), "");
  EXPECT_EQ(owned_fields(managed("wan-operator", "Apply", "status")), "");
  EXPECT_EQ(owned_fields(Json::object()), "");
}

TEST(Ownership, OfEverythingThatIsAppliedMeansNobodyChangedIt) {
  EXPECT_TRUE(owns(fields().dump(), kIntent));
}

TEST(Ownership, OfMoreThanIsAppliedIsAllTheSame) {
  Json intent = kIntent;
  intent["spec"].erase("replicas");
  EXPECT_TRUE(owns(fields().dump(), intent));
}

TEST(Ownership, IsLostWithAnyValueThatSomebodyElseSet) {
  for (const char* pointer : {"/f:spec/f:replicas", "/f:metadata/f:labels/f:a", "/f:spec/f:selector",
                              "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"c\"}/f:command",
                              "/f:spec/f:template/f:spec/f:volumes/k:{\"name\":\"tmp\"}",
                              "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"c\"}/f:ports/"
                              "k:{\"containerPort\":80,\"protocol\":\"TCP\"}"}) {
    Json lost = fields();
    const Json::json_pointer at{std::string(pointer)};
    lost[at.parent_pointer()].erase(at.back());
    // Where nothing is left the server leaves the whole field out; a map with nothing in it would be a leaf.
    lost[at.parent_pointer()]["f:another"] = Json::object();
    EXPECT_FALSE(owns(lost.dump(), kIntent)) << pointer;
  }
}

TEST(Ownership, OfNothingCoversNothing) {
  EXPECT_FALSE(owns("", kIntent));
  EXPECT_FALSE(owns("not json", kIntent));
}

}  // namespace
}  // namespace wan::api
