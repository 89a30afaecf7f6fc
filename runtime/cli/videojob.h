#pragma once
// A VideoJob manifest as `generate` reads it: the same fields as in a cluster, what only a cluster can obey
// left aside.

#include <filesystem>
#include <string>

#include "base/result.h"
#include "runtime/pipeline/generation.h"

namespace wan::cli {

struct VideoJob {
  std::string namespace_ = "default";
  std::string name;
  std::string model;         // "" if the manifest does not say
  std::string model_digest;  // "" if any will do
  bool has_image = false;    // spec.image, which a cluster alone can read
  std::string precision;     // "" if the manifest does not say
  std::string output_path;   // output.pvc.path or output.s3.key, else NAME.mp4; relative, without ".."
  pipeline::GenerationSpec generation;
};

// One YAML or JSON file, "-" for standard input. It must hold exactly one VideoJob; other kinds may stand
// beside it (a WanDeployment there says which model its name means). Unknown fields are errors that name the
// field and those allowed.
[[nodiscard]] Result<VideoJob> read_videojob(const std::filesystem::path& file);
[[nodiscard]] Result<VideoJob> parse_videojob(std::string_view yaml);

}  // namespace wan::cli
