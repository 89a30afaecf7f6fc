#include "runtime/cli/videojob.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <vector>

#include "base/io/file.h"
#include "base/json/json.h"
#include "runtime/cli/videojob_fields.h"

namespace wan::cli {
namespace {

constexpr size_t kMaxManifestBytes = 1u << 20;
constexpr std::string_view kApiVersion = "wan.gallery/v1alpha1";

bool is_kind(const Json& document, std::string_view kind) {
  return string_or(document, {"kind"}, "") == kind;
}

Result<const Json*> only_videojob(const std::vector<Json>& documents) {
  const Json* found = nullptr;
  for (const Json& document : documents) {
    if (!is_kind(document, "VideoJob")) continue;
    if (found) return fail(invalid_argument("the file has several VideoJobs; give generate one at a time"));
    found = &document;
  }
  if (!found)
    return fail(invalid_argument("the file has no VideoJob (apiVersion: " + std::string(kApiVersion) + ")"));
  return found;
}

// The model that a deployment of the same file serves, else the deployment's own name: people name it so.
std::string deployed_model(const std::vector<Json>& documents, const std::string& deployment) {
  for (const Json& document : documents) {
    const bool matches =
        is_kind(document, "WanDeployment") && string_or(document, {"metadata", "name"}, "") == deployment;
    if (matches) return string_or(document, {"spec", "model", "name"}, deployment);
  }
  return deployment;
}

Status check_output_path(const std::string& field, const std::string& path) {
  const std::filesystem::path parsed(path);
  const bool climbs = std::ranges::any_of(parsed, [](const auto& part) { return part == ".."; });
  if (!path.empty() && !parsed.is_absolute() && !climbs && parsed.has_filename()) return {};
  return fail(invalid_argument("spec.output." + field + ": '" + path +
                               "' is not allowed; it must be a relative file path without '..'"));
}

Result<VideoJob> to_videojob(const Json& document, const std::vector<Json>& documents) {
  WAN_TRY_VOID(check_videojob_fields(document));
  const std::string version = string_or(document, {"apiVersion"}, "");
  if (version != kApiVersion) {
    return fail(invalid_argument("apiVersion: '" + version +
                                 "' is not allowed; allowed: " + std::string(kApiVersion)));
  }
  const Json* spec = find(document, {"spec"});
  if (!spec) return fail(invalid_argument("spec: missing"));
  VideoJob job;
  job.name = string_or(document, {"metadata", "name"}, "");
  job.namespace_ = string_or(document, {"metadata", "namespace"}, job.namespace_);
  if (job.name.empty()) return fail(invalid_argument("metadata.name: missing"));
  const std::string deployment = string_or(*spec, {"deploymentRef", "name"}, "");
  job.model =
      string_or(*spec, {"model", "name"}, deployment.empty() ? "" : deployed_model(documents, deployment));
  job.model_digest = string_or(*spec, {"model", "digest"}, "");
  if (find(*spec, {"deploymentRef"}) && find(*spec, {"model"})) {
    return fail(invalid_argument("spec: deploymentRef and model are both set; exactly one is allowed"));
  }
  job.has_image = find(*spec, {"image"}) != nullptr;
  job.precision = string_or(*spec, {"precision"}, "");
  const bool is_bucket = find(*spec, {"output", "s3"}) != nullptr;
  const std::string key = string_or(*spec, {"output", "s3", "key"}, "");
  job.output_path = is_bucket ? key : string_or(*spec, {"output", "pvc", "path"}, job.name + ".mp4");
  WAN_TRY_VOID(check_output_path(is_bucket ? "s3.key" : "pvc.path", job.output_path));
  auto generation = pipeline::generation_spec_from_json(*spec);
  if (!generation) return fail(generation.error().with_context("spec"));
  job.generation = *std::move(generation);
  return job;
}

}  // namespace

Result<VideoJob> parse_videojob(std::string_view yaml) {
  WAN_TRY(const std::vector<Json> documents, parse_yaml_documents(yaml, {.max_bytes = kMaxManifestBytes}));
  WAN_TRY(const Json* document, only_videojob(documents));
  return to_videojob(*document, documents);
}

Result<VideoJob> read_videojob(const std::filesystem::path& file) {
  const bool standard_input = file == "-";
  std::string text;
  if (standard_input) {
    text.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  } else {
    WAN_TRY(text, read_file(file, kMaxManifestBytes));
  }
  auto job = parse_videojob(text);
  if (!job) return fail(job.error().with_context(standard_input ? "standard input" : file.string()));
  return job;
}

}  // namespace wan::cli
