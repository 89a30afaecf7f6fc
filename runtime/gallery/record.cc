#include "runtime/gallery/record.h"

#include "base/crypto/sha256.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

Result<ModelFile> parse_file(const Json& json) {
  ModelFile file{string_or(json, {"path"}, ""), string_or(json, {"digest"}, ""), int_or(json, {"size"}, -1),
                 string_or(json, {"mediaType"}, "")};
  WAN_TRY_VOID(check_key(file.path));
  if (!is_sha256_digest(file.digest) || file.size < 0) {
    return fail(corrupt("\"" + file.path + "\" has no valid digest and size"));
  }
  return file;
}

}  // namespace

std::string record_bytes(const ModelRecord& record) {
  Json files = Json::array();
  for (const ModelFile& file : record.files) {
    files.push_back(Json{
        {"path", file.path}, {"digest", file.digest}, {"size", file.size}, {"mediaType", file.media_type}});
  }
  return Json{{"name", record.name}, {"digest", record.digest}, {"files", files}}.dump(2) + "\n";
}

Result<ModelRecord> read_record(const std::filesystem::path& model_dir) {
  WAN_TRY(const Descriptor root, open_root(model_dir));
  WAN_TRY(const std::string text, read_small(root.get(), kRecordName, kMaxManifestBytes));
  const std::string where = (model_dir / kRecordName).string();
  const auto json = parse_json(text);
  if (!json) return fail(corrupt(where + ": " + json.error().message));
  ModelRecord record{string_or(*json, {"name"}, ""), string_or(*json, {"digest"}, ""), {}};
  const Json* files = find(*json, {"files"});
  if (!is_sha256_digest(record.digest) || !files || !files->is_array()) {
    return fail(corrupt(where + ": digest and files are needed"));
  }
  for (const Json& entry : *files) {
    auto file = parse_file(entry);
    if (!file) return fail(corrupt(where + ": " + file.error().message));
    record.files.push_back(*std::move(file));
  }
  return record;
}

Status check_sizes(const std::filesystem::path& model_dir, const ModelRecord& record) {
  WAN_TRY(const Descriptor root, open_root(model_dir));
  for (const ModelFile& expected : record.files) {
    const auto file = open_regular(root.get(), expected.path);
    if (!file) return fail(corrupt(model_dir.string() + ": " + file.error().message));
    WAN_TRY(const int64_t size, size_of(file->get()));
    if (size != expected.size) {
      return fail(corrupt((model_dir / expected.path).string() + " has " + std::to_string(size) +
                          " bytes instead of " + std::to_string(expected.size)));
    }
  }
  return {};
}

}  // namespace wan::gallery
