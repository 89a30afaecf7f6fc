#include "runtime/gallery/import.h"

#include <algorithm>

#include "runtime/gallery/key.h"
#include "runtime/gallery/layout.h"
#include "runtime/gallery/manifest.h"

namespace wan::gallery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGenerationFile = "generation_config.json";
constexpr const char* kModelIndexFile = "model_index.json";

bool is_pickled(const fs::path& file) {
  const std::string ending = file.extension();
  return ending == ".bin" || ending == ".pt" || ending == ".pth" || ending == ".ckpt" || ending == ".pkl";
}

Status check_entry(const fs::directory_entry& entry, const std::string& key) {
  if (entry.is_symlink()) {
    return fail(invalid_argument(entry.path().string() +
                                 " is a symbolic link; import a copy with real files (cp -rL FROM TO)"));
  }
  WAN_TRY_VOID(check_key(key));
  if (entry.is_directory()) return {};
  if (!entry.is_regular_file())
    return fail(invalid_argument(entry.path().string() + " is not a regular file"));
  if (is_pickled(entry.path())) {
    return fail(invalid_argument(entry.path().string() +
                                 " may be pickled, which is code; only safetensors weights are imported: "
                                 "remove it or use the model's diffusers version"));
  }
  return {};
}

// Throws what std::filesystem throws.
Status collect(const fs::path& folder, std::vector<SourceFile>& files) {
  for (auto at = fs::recursive_directory_iterator(folder); at != fs::recursive_directory_iterator(); ++at) {
    const std::string name = at->path().filename();
    if (name.starts_with(".")) {
      at.disable_recursion_pending();
      continue;
    }
    const std::string key = at->path().lexically_relative(folder).generic_string();
    WAN_TRY_VOID(check_entry(*at, key));
    if (at->is_regular_file()) files.push_back({key, static_cast<int64_t>(at->file_size())});
    if (files.size() > kMaxFiles) {
      return fail(
          invalid_argument(folder.string() + " has more than " + std::to_string(kMaxFiles) + " files"));
    }
  }
  return {};
}

// The member `key` of the config blob, if the model has that file.
Result<Json> read_json_if_present(int root, const char* key) {
  auto text = read_small(root, key, kMaxConfigBytes / 2);
  if (!text && text.error().code == ErrorCode::kNotFound) return Json();
  if (!text) return fail(text.error());
  auto json = parse_json(*text);
  if (!json) return fail(json.error().with_context(key));
  if (!json->is_object()) return fail(invalid_argument(std::string(key) + ": must be a JSON object"));
  return json;
}

Result<std::string> config_bytes(int root, const std::string& name, const std::vector<ModelFile>& files) {
  WAN_TRY(const Json generation, read_json_if_present(root, kGenerationFile));
  WAN_TRY(const Json index, read_json_if_present(root, kModelIndexFile));
  const std::string pipeline = string_or(index, {"_class_name"}, "");
  Json inputs = Json::array({"text"});
  if (pipeline.find("ImageToVideo") != std::string::npos) inputs.push_back("image");
  Json diff_ids = Json::array();
  for (const ModelFile& file : files) diff_ids.push_back(file.digest);
  Json config = {{"descriptor", {{"name", name}, {"family", "wan"}}},
                 {"config",
                  {{"architecture", "transformer"},
                   {"format", "safetensors"},
                   {"capabilities", {{"inputTypes", inputs}, {"outputTypes", Json::array({"video"})}}}}},
                 {"modelfs", {{"type", "layers"}, {"diffIds", diff_ids}}}};
  if (generation.is_object()) config[kGenerationMember] = generation;
  return canonical_json(config);
}

Result<ModelFile> import_file(const Layout& layout, int root, const SourceFile& source, Meter& meter) {
  meter.begin_file(source.path);
  WAN_TRY(const Descriptor file, open_regular(root, source.path));
  WAN_TRY(const Copied copied, store_blob(layout, file.get(), [&](int64_t bytes) { meter.add(bytes); }));
  return ModelFile{source.path, copied.digest, copied.bytes, std::string(layer_type(source.path))};
}

Result<OciDescriptor> store_manifest(const Layout& layout, int root, const std::string& name,
                                     ModelManifest& manifest) {
  WAN_TRY(const std::string config, config_bytes(root, name, manifest.files));
  WAN_TRY(const Copied stored_config, store_blob_bytes(layout, config));
  manifest.config = {std::string(kModelConfigType), "", stored_config.digest, stored_config.bytes, {}};
  WAN_TRY(const std::string bytes, manifest_bytes(manifest));
  WAN_TRY_VOID(parse_manifest(bytes));
  WAN_TRY(const Copied stored, store_blob_bytes(layout, bytes));
  return OciDescriptor{
      std::string(kManifestType), std::string(kModelArtifactType), stored.digest, stored.bytes, {}};
}

}  // namespace

Result<std::vector<SourceFile>> scan_model(const fs::path& folder) {
  std::vector<SourceFile> files;
  try {
    WAN_TRY_VOID(collect(folder, files));
  } catch (const fs::filesystem_error& error) {
    return fail(from_errno(error.code().value(), "read " + folder.string()));
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  if (std::ranges::find(files, kModelIndexFile, &SourceFile::path) == files.end()) {
    return fail(invalid_argument(folder.string() +
                                 " has no model_index.json: it is not a model in the diffusers layout"));
  }
  return files;
}

Result<Imported> import_model(const fs::path& folder, const fs::path& layout_folder, const std::string& name,
                              const MakeMeter& make_meter) {
  WAN_TRY_VOID(check_name(name));
  WAN_TRY(const std::vector<SourceFile> sources, scan_model(folder));
  WAN_TRY(const Descriptor root, open_root(folder));
  WAN_TRY(const Layout layout, open_or_create_layout(layout_folder));
  WAN_TRY(const Descriptor lock, lock_writers(layout));
  int64_t total = 0;
  for (const SourceFile& source : sources) total += source.size;
  Meter meter = make_meter(total);
  ModelManifest manifest;
  for (const SourceFile& source : sources) {
    auto file = import_file(layout, root.get(), source, meter);
    if (!file) return fail(file.error().with_context("importing " + source.path));
    manifest.files.push_back(*std::move(file));
  }
  WAN_TRY(const OciDescriptor entry, store_manifest(layout, root.get(), name, manifest));
  WAN_TRY_VOID(set_reference(layout, name, entry));
  std::error_code ignored;
  fs::remove(layout.folder / kIngestFolder, ignored);
  meter.finish();
  return Imported{name, entry.digest, manifest.bytes(), manifest.files.size()};
}

}  // namespace wan::gallery
