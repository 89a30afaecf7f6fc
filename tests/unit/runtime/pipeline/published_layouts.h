#pragma once
// Directories of the published models at their real size, from the key lists of tests/golden/data/keys:
// sparse files, so that sixty gigabytes take a few kilobytes of disk.

#include <filesystem>
#include <string>

namespace wan::testing {

struct Published {
  std::string name;         // of a test: "T2V_14B"
  std::string transformer;  // key list without its layout: "t2v_14b"
  int64_t dim = 0, ffn_dim = 0, heads = 0, layers = 0;
  bool from_image = false;
};

// The repositories of Wan-AI: config.json, DiT in shards of fp32, T5, VAE and CLIP as .pth.
void write_official(const Published& model, const std::filesystem::path& directory);
// Their "-Diffusers" twins.
void write_diffusers(const Published& model, const std::filesystem::path& directory);

}  // namespace wan::testing
