#pragma once
// What a pulled directory says about itself: .wan-model.json, written last.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/gallery/manifest.h"

namespace wan::gallery {

struct ModelRecord {
  std::string name;
  std::string digest;  // of the manifest
  std::vector<ModelFile> files;
};

[[nodiscard]] std::string record_bytes(const ModelRecord& record);
// kNotFound if the directory or its record is absent.
[[nodiscard]] Result<ModelRecord> read_record(const std::filesystem::path& model_dir);
// The files that the record names are there with their sizes. kCorrupt names the first that is not.
[[nodiscard]] Status check_sizes(const std::filesystem::path& model_dir, const ModelRecord& record);

}  // namespace wan::gallery
