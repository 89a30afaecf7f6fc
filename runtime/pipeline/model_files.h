#pragma once
// Where the parts of a model are in its directory: the diffusers layout (a folder per part, told by
// model_index.json) or the official one of the published repositories (config.json and files of fixed names).

#include <filesystem>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/weights/key_map.h"

namespace wan::pipeline {

enum class Layout { kDiffusers, kOfficial };

[[nodiscard]] std::string_view to_string(Layout layout);  // "diffusers", "official"

struct ModelFiles {
  std::filesystem::path directory;
  Layout layout = Layout::kDiffusers;
  bool from_image = false;  // image to video: there is an image encoder
  std::filesystem::path tokenizer;
};

// kNotFound: no such directory or neither layout; kInvalidArgument: a model that cannot be run.
[[nodiscard]] Result<ModelFiles> find_model_files(const std::filesystem::path& directory);

// One part: its configuration in diffusers' fields and its weights under diffusers' keys, mapped, not read.
struct ComponentFiles {
  std::string where;  // for messages
  Json config;
  weights::StoredTensors tensors;
};

[[nodiscard]] Result<ComponentFiles> open_component(const ModelFiles& files, weights::Component component);

// In the order in which a generation needs them.
[[nodiscard]] std::vector<weights::Component> components_of(const ModelFiles& files);

}  // namespace wan::pipeline
