#include "runtime/cli/model_lookup.h"

#include <iostream>
#include <vector>

#include "base/clock.h"
#include "base/environment.h"
#include "runtime/gallery/pull.h"

namespace wan::cli {
namespace {

namespace fs = std::filesystem;

bool is_model(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(directory / "model_index.json", ignored) ||
         fs::exists(directory / "config.json", ignored);
}

// Beside an installed program, then in the source tree it was built from.
std::vector<fs::path> shipped_models() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> folders;
  if (!error) folders.push_back(self.parent_path().parent_path() / "share/wan-gallery/models");
  folders.emplace_back(WAN_SOURCE_MODELS);
  return folders;
}

Result<fs::path> cache_folder() {
  fs::path base = environment("XDG_CACHE_HOME");
  if (base.empty() && !environment("HOME").empty()) base = fs::path(environment("HOME")) / ".cache";
  if (base.empty())
    return fail(failed_precondition("neither HOME nor XDG_CACHE_HOME is set: nowhere to unpack a model"));
  const fs::path folder = base / "wan/models";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(from_errno(error.value(), folder.string()));
  return folder;
}

Result<fs::path> unpack_from_store(const fs::path& layout, const std::string& model) {
  static const SystemClock clock;
  WAN_TRY(const fs::path cache, cache_folder());
  const fs::path directory = cache / model;
  const gallery::MakeMeter make_meter = [](int64_t bytes) {
    return gallery::Meter("pull", bytes, gallery::meter_style(false), clock,
                          [](const std::string& text) { std::cerr << text; });
  };
  WAN_TRY_VOID(gallery::pull_model({.layout = layout, .name = model, .digest = ""}, directory, make_meter));
  return directory;
}

}  // namespace

Result<fs::path> find_model_directory(const std::string& model) {
  if (model.find('/') != std::string::npos || is_model(model)) return fs::path(model);
  std::string looked;
  if (const std::string store = environment("WAN_STORE"); !store.empty()) {
    auto unpacked = unpack_from_store(store, model);
    if (unpacked || unpacked.error().code != ErrorCode::kNotFound) return unpacked;
    looked = "the store " + store + " (" + unpacked.error().message + "), ";
  }
  for (const fs::path& folder : shipped_models()) {
    if (is_model(folder / model)) return folder / model;
  }
  return fail(invalid_argument(
      "model '" + model + "': not found; looked in " + looked +
      "the models that ship with this program. Give a directory in the diffusers or the official layout, the "
      "name of a model in $WAN_STORE, or " +
      kBuiltInModel));
}

}  // namespace wan::cli
