#pragma once
// A model directory (diffusers layout) into an OCI image layout. The same files and name give the same bytes
// and so the same manifest digest, on any machine at any time.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/gallery/meter.h"

namespace wan::gallery {

struct SourceFile {
  std::string path;  // the key in the model
  int64_t size = 0;
};

// What would be imported, sorted by path. Hidden files are left out. Symbolic links, names that are not keys,
// pickled weights (.bin .pt .pth .ckpt .pkl) and a directory without model_index.json are errors that say
// what to do.
[[nodiscard]] Result<std::vector<SourceFile>> scan_model(const std::filesystem::path& folder);

struct Imported {
  std::string name;
  std::string digest;  // of the manifest
  int64_t bytes = 0;
  size_t files = 0;
};
using MakeMeter = std::function<Meter(int64_t bytes_total)>;
[[nodiscard]] Result<Imported> import_model(const std::filesystem::path& folder,
                                            const std::filesystem::path& layout, const std::string& name,
                                            const MakeMeter& make_meter);

}  // namespace wan::gallery
