#pragma once
// A small model directory, its import into a layout, and ways to damage things.

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "../../base/temporary_folder.h"
#include "../process.h"
#include "base/json/json.h"
#include "runtime/gallery/import.h"
#include "runtime/gallery/layout.h"
#include "runtime/gallery/pull.h"

namespace wan::gallery::testing {

namespace fs = std::filesystem;
using wan::testing::read_text;

inline void write_text(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

inline const MakeMeter& silent() {
  static const SystemClock clock;
  static const MakeMeter make = [](int64_t total) {
    return Meter("test", total, MeterStyle::kSilent, clock, [](const std::string&) {});
  };
  return make;
}

class ModelFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(model / "model_index.json", R"({"_class_name":"WanPipeline"})");
    write_text(model / "generation_config.json", R"({"steps":20,"size":"96x96"})");
    write_text(model / "transformer/diffusion_pytorch_model.safetensors", std::string(3'000'000, 'w'));
    write_text(model / "transformer/config.json", "{}");
    write_text(model / "README.md", "read me");
    write_text(model / ".git/config", "not part of a model");
  }

  Imported import(const std::string& name = "tiny") {
    auto imported = import_model(model, layout_folder, name, silent());
    EXPECT_TRUE(imported) << imported.error().message;
    return imported.value_or(Imported{});
  }
  Result<Pulled> pull(const std::string& name = "tiny") {
    return pull_model(Reference{layout_folder, name, ""}, output, silent());
  }
  // The file of the blob that holds `path` of the model.
  fs::path blob_of(const std::string& path) {
    const auto layout = open_layout(layout_folder);
    const auto entry = find_model(*layout, Reference{layout_folder, "", ""});
    const auto manifest = read_model(*layout, *entry);
    for (const ModelFile& file : manifest->files) {
      if (file.path == path) return layout_folder / blob_key(file.digest);
    }
    ADD_FAILURE() << path << " is not in the manifest";
    return {};
  }
  // A manifest that someone else made: stored under its right digest, named in the index.
  void plant_manifest(const std::string& bytes, const std::string& name = "tiny") {
    const auto layout = open_or_create_layout(layout_folder);
    const auto stored = store_blob_bytes(*layout, bytes);
    const OciDescriptor entry{std::string(kManifestType), "", stored->digest, stored->bytes, {}};
    ASSERT_TRUE(set_reference(*layout, name, entry));
  }

  wan::testing::TemporaryFolder folder;
  fs::path model = folder.path() / "model";
  fs::path layout_folder = folder.path() / "gallery";
  fs::path output = folder.path() / "models/tiny";
};

}  // namespace wan::gallery::testing
