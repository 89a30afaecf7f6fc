#include "operator/api/crd.h"

#include "operator/api/codec.h"
#include "operator/api/gallery_model.h"
#include "operator/api/identifiers.h"
#include "operator/api/limits.h"
#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"

namespace wan::api {
namespace {

struct Column {
  const char* name;
  const char* type;
  const char* path;
  const char* text;
  int priority = 0;  // 1: only with -o wide
};

struct Facet {
  KindInfo info;
  const char* singular;
  const char* short_name;
  const char* text;
  Json spec;
  Json status;
  std::vector<Column> columns;
  std::vector<Rule> rules = {};
  bool scale = false;
};

constexpr const char* kReadyStatus = ".status.conditions[?(@.type==\"Ready\")].status";
constexpr const char* kReadyReason = ".status.conditions[?(@.type==\"Ready\")].reason";
constexpr const char* kReadyMessage = ".status.conditions[?(@.type==\"Ready\")].message";

Json column_json(const Column& column) {
  Json result = {
      {"name", column.name}, {"type", column.type}, {"jsonPath", column.path}, {"description", column.text}};
  if (column.priority != 0) result["priority"] = column.priority;
  return result;
}

Json object_schema(const Facet& facet) {
  Json status = facet.status;
  status["default"] = {{"observedGeneration", -1}};
  Json result = {
      {"type", "object"},
      {"description", facet.text},
      {"required", {"spec"}},
      {"properties",
       {{"apiVersion",
         {{"type", "string"}, {"description", std::string("API group and version: ") + kApiVersion}}},
        {"kind", {{"type", "string"}, {"description", "Kind of the object: " + facet.info.kind}}},
        {"metadata", {{"type", "object"}}},
        {"spec", facet.spec},
        {"status", std::move(status)}}}};
  if (!facet.rules.empty()) result["x-kubernetes-validations"] = schema::rules(facet.rules);
  return result;
}

Json version_json(const Facet& facet) {
  Json columns = Json::array();
  for (const Column& column : facet.columns) columns.push_back(column_json(column));
  Json subresources = {{"status", Json::object()}};
  if (facet.scale) {
    subresources["scale"] = {{"specReplicasPath", ".spec.replicas"},
                             {"statusReplicasPath", ".status.replicas"},
                             {"labelSelectorPath", ".status.selector"}};
  }
  return {{"name", kVersion},
          {"served", true},
          {"storage", true},
          {"schema", {{"openAPIV3Schema", object_schema(facet)}}},
          {"subresources", std::move(subresources)},
          {"additionalPrinterColumns", std::move(columns)}};
}

Crd make(const Facet& facet) {
  const std::string name = facet.info.plural + "." + kGroup;
  Crd crd;
  crd.file_name = std::string(kGroup) + "_" + facet.info.plural + ".yaml";
  crd.object = {{"apiVersion", "apiextensions.k8s.io/v1"},
                {"kind", "CustomResourceDefinition"},
                {"metadata", {{"name", name}}},
                {"spec",
                 {{"group", kGroup},
                  {"scope", facet.info.namespaced ? "Namespaced" : "Cluster"},
                  {"names",
                   {{"kind", facet.info.kind},
                    {"listKind", facet.info.kind + "List"},
                    {"plural", facet.info.plural},
                    {"singular", facet.singular},
                    {"shortNames", {facet.short_name}},
                    {"categories", {"wan"}}}},
                  {"versions", Json::array({version_json(facet)})}}}};
  crd.yaml = to_yaml(crd.object);
  return crd;
}

Facet gallery_model() {
  return {.info = kind_info<GalleryModel>(),
          .singular = "gallerymodel",
          .short_name = "gm",
          .text = "A model that can be deployed: what it is, where its weights are, what it needs to run.",
          .spec = GalleryModelSpec::table().schema({.text = "The catalog entry."}),
          .status = GalleryModelStatus::table().schema({.text = "What the operator found."}),
          .columns = {{"Task", "string", ".spec.task", "What it makes a video from"},
                      {"Parameters", "string", ".spec.parameters", "Number of parameters"},
                      {"License", "string", ".spec.license", "Licence of the weights"},
                      {"Ready", "string", kReadyStatus, "Whether the entry can be used"},
                      {"Profiles", "string", ".spec.profiles[*].name", "Ways to run it", 1},
                      {"Digest", "string", ".status.digest", "Manifest digest", 1},
                      {"Age", "date", ".metadata.creationTimestamp", "Since when it exists"}}};
}

Facet wan_deployment() {
  return {.info = kind_info<WanDeployment>(),
          .singular = "wandeployment",
          .short_name = "wd",
          .text = "A served model: pods that have loaded it and make videos for VideoJobs.",
          .spec = WanDeploymentSpec::table().schema({.text = "What is served, how and where."}),
          .status = WanDeploymentStatus::table().schema({.text = "What is so now."}),
          .columns = {{"Model", "string", ".spec.model.name", "The model"},
                      {"Phase", "string", ".status.phase", "In one word"},
                      {"Ready", "integer", ".status.readyReplicas", "Pods that serve"},
                      {"Desired", "integer", ".status.desiredReplicas", "Pods that shall serve"},
                      {"Reason", "string", kReadyReason, "Why it is ready or not"},
                      {"Profile", "string", ".spec.profile", "The profile asked for", 1},
                      {"Endpoint", "string", ".status.endpoint", "Address inside the cluster", 1},
                      {"Message", "string", kReadyMessage, "Why, in words", 1},
                      {"Age", "date", ".metadata.creationTimestamp", "Since when it exists"}},
          .rules = {workload_name_rule()},
          .scale = true};
}

Facet video_job() {
  return {
      .info = kind_info<VideoJob>(),
      .singular = "videojob",
      .short_name = "vj",
      .text =
          "One video: made once, by a served model or by a pod of its own. Its spec cannot change, but for "
          "cancel and priority.",
      .spec = VideoJobSpec::table().schema({.text = "What the video shows, how it is made, where it goes."}),
      .status = VideoJobStatus::table().schema({.text = "What is so now."}),
      .columns = {{"Phase", "string", ".status.phase", "In one word"},
                  {"Percent", "number", ".status.progress.percent", "How much is done"},
                  {"Left", "number", ".status.progress.secondsLeft", "Seconds left"},
                  {"Reason", "string", kReadyReason, "Why it is where it is"},
                  {"Deployment", "string", ".spec.deploymentRef.name", "The served model", 1},
                  {"Pod", "string", ".status.assignment.podName", "Which pod makes it", 1},
                  {"Attempts", "integer", ".status.attempts", "Attempts begun", 1},
                  {"Digest", "string", ".status.result.sha256", "Digest of the mp4", 1},
                  {"Message", "string", kReadyMessage, "Why, in words", 1},
                  {"Age", "date", ".metadata.creationTimestamp", "Since when it exists"}}};
}

}  // namespace

std::vector<Crd> crds() { return {make(gallery_model()), make(wan_deployment()), make(video_job())}; }

std::string crds_yaml() {
  std::string result;
  for (const Crd& crd : crds()) {
    if (!result.empty()) result += "---\n";
    result += crd.yaml;
  }
  return result;
}

}  // namespace wan::api
