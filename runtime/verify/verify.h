#pragma once
// Compares this build with the numbers of the official code: every case of every folder of a golden
// directory.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/verify/row.h"

namespace wan::verify {

struct FolderResult {
  std::string folder;     // "dit_t2v_a"
  std::string component;  // "dit"
  Rows rows;
  std::string error;  // the comparisons ended early, or there was nothing to compare
  double seconds = 0;

  [[nodiscard]] bool pass() const;
};

struct Outcome {
  std::vector<FolderResult> folders;
  std::vector<std::string> absent;   // components that the directory has no folder for
  std::vector<std::string> unknown;  // folders that no component is for
  std::string environment;           // JSON: versions, device, threads, numericsId

  [[nodiscard]] bool pass() const;
};

struct Options {
  std::string only;             // a component or a folder; empty: all
  std::string device = "auto";  // auto, cpu, cuda
  int threads = 0;              // 0: the cores this process may use
  std::filesystem::path
      media_program;  // wan-media, which decodes images; empty: beside this program, then $PATH
};

// "ops", "text_clean", ...: a folder belongs to the component that it is named after, alone or followed by
// "_".
[[nodiscard]] std::vector<std::string> component_names();

// Errors: no such directory, nothing in it to compare, an `only` that is neither, a device that isn't there.
// `on_folder` is called after each folder.
[[nodiscard]] Result<Outcome> verify(const std::filesystem::path& directory, const Options& options,
                                     const std::function<void(const FolderResult&)>& on_folder);

}  // namespace wan::verify
