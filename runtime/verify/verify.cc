#include "runtime/verify/verify.h"

#include <ATen/Context.h>
#include <algorithm>
#include <array>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <chrono>
#include <exception>
#include <set>
#include <string_view>

#include "runtime/device/device.h"
#include "runtime/verify/component.h"

namespace wan::verify {
namespace {

namespace fs = std::filesystem;

struct Component {
  std::string_view name;
  Rows (*verify)(const Golden&);
};

constexpr std::array kComponents = {
    Component{"ops", verify_ops},
    Component{"text_clean", verify_text_clean},
    Component{"tokenizer", verify_tokenizer},
    Component{"t5", verify_t5},
    Component{"clip", verify_clip},
    Component{"preprocess", verify_preprocess},
    Component{"i2v_conditioning", verify_i2v_conditioning},
    Component{"dit", verify_transformer},
    Component{"vae", verify_vae},
    Component{"schedulers", verify_schedulers},
    Component{"noise", verify_noise},
    Component{"keys", verify_keys},
    Component{"pth", verify_pth},
    Component{"pipeline_t2v", verify_pipeline},
    Component{"pipeline_i2v", verify_pipeline},
};

const Component* component_of(const std::string& folder) {
  const Component* best = nullptr;
  for (const Component& component : kComponents) {
    const bool named = folder == component.name || folder.starts_with(std::string(component.name) + "_");
    if (named && (!best || component.name.size() > best->name.size())) best = &component;
  }
  return best;
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// The one place where what readers, JSON and LibTorch throw becomes a line.
void run(const Component& component, const Golden& golden, FolderResult& result) {
  const c10::InferenceMode inference;
  try {
    result.rows = component.verify(golden);
    if (result.rows.empty()) result.error = "nothing to compare";
  } catch (const c10::Error& error) {
    result.error = first_line(error.what_without_backtrace());
  } catch (const std::exception& error) {
    result.error = first_line(error.what());
  }
}

FolderResult verify_folder(const Component& component, const Golden& golden) {
  const auto start = std::chrono::steady_clock::now();
  FolderResult result = {.folder = golden.path("").parent_path().filename().string(),
                         .component = std::string(component.name)};
  run(component, golden, result);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Result<std::vector<std::string>> folders_of(const fs::path& directory) {
  std::error_code error;
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.is_directory()) folders.push_back(entry.path().filename().string());
  }
  if (error) return fail(invalid_argument(directory.string() + ": " + error.message()));
  std::ranges::sort(folders);
  return folders;
}

std::string environment(const device::Device& device) {
  Json json = {{"version", WAN_VERSION}, {"plan", device::to_json(device.plan)}, {"threads", device.threads}};
  if (const auto id = device::numerics_id(device.plan)) json["numericsId"] = *id;
  return json.dump();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The folders in the order of their components; those of none are noted as unknown.
std::vector<std::string> chosen(const std::vector<std::string>& folders, const std::string& only,
                                Outcome& outcome) {
  std::vector<std::string> in_order;
  for (const Component& component : kComponents) {
    bool found = false;
    for (const std::string& folder : folders) {
      if (component_of(folder) != &component) continue;
      found = true;
      if (only.empty() || only == component.name || only == folder) in_order.push_back(folder);
    }
    if (!found) outcome.absent.emplace_back(component.name);
  }
  std::ranges::copy_if(folders, std::back_inserter(outcome.unknown),
                       [](const std::string& folder) { return component_of(folder) == nullptr; });
  return in_order;
}

}  // namespace

bool FolderResult::pass() const { return error.empty() && std::ranges::all_of(rows, &Row::pass); }

bool Outcome::pass() const { return std::ranges::all_of(folders, &FolderResult::pass); }

std::vector<std::string> component_names() {
  std::vector<std::string> names;
  for (const Component& component : kComponents) names.emplace_back(component.name);
  return names;
}

Result<Outcome> verify(const fs::path& directory, const Options& options,
                       const std::function<void(const FolderResult&)>& on_folder) {
  if (fs::exists(directory / "manifest.json")) {
    const fs::path folder = fs::canonical(directory);
    Options only = options;
    only.only = folder.filename();
    return verify(folder.parent_path(), only, on_folder);
  }
  WAN_TRY(const std::vector<std::string> folders, folders_of(directory));
  Outcome outcome;
  const std::vector<std::string> wanted = chosen(folders, options.only, outcome);
  if (wanted.empty()) {
    return fail(invalid_argument(directory.string() + " has no folder of " +
                                 (options.only.empty() ? "a known component" : "component " + options.only) +
                                 "; known: " + joined(component_names())));
  }
  WAN_TRY(device::Device device, device::choose_device(options.device, options.threads));
  device.plan.precision = "fp32";
  // The goldens are fp32: a GPU's shorter products would differ by a thousand times the limits.
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  outcome.environment = environment(device);
  for (const std::string& folder : wanted) {
    outcome.folders.push_back(
        verify_folder(*component_of(folder), Golden(directory / folder, device, options.media_program)));
    if (on_folder) on_folder(outcome.folders.back());
  }
  return outcome;
}

}  // namespace wan::verify
