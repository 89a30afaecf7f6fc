#include "runtime/cli/inspect.h"

#include <fmt/format.h>
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

#include "runtime/cli/command.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/model_lookup.h"
#include "runtime/cli/units.h"
#include "runtime/pipeline/inspection.h"
#include "runtime/pipeline/video_size.h"

namespace wan::cli {
namespace {

using pipeline::Inspection;

constexpr const char* kFooter =
    R"(Reads configurations and the headers of the weight files, not the weights; --digest reads every byte.
Memory follows from the dimensions alone, phase by phase: HOST is for computing on the CPU (weights in files that do
not fit are read again for every forward), DEVICE for a GPU.

Examples:
  wan-runtime inspect wan-tiny
  wan-runtime inspect ./Wan2.1-T2V-14B --size 1280x720 --frames 81
  wan-runtime inspect ./Wan2.1-I2V-14B-480P --digest -o json

Exit codes: 0 the model can be read; 1 it is broken; 2 bad flags or no such model.)";

struct Options {
  std::string model, output = "table";
  std::vector<std::string> sizes = {"832x480"};
  std::vector<int64_t> frames = {81};
  bool digest = false;
};

Result<std::vector<pipeline::VideoDims>> requested(const Options& options) {
  std::vector<pipeline::VideoDims> sizes;
  for (const std::string& text : options.sizes) {
    WAN_TRY(const auto size, pipeline::parse_size(text));
    for (const int64_t frames : options.frames) {
      WAN_TRY_VOID(pipeline::check_frames(frames));
      sizes.push_back({size.width, size.height, frames});
    }
  }
  return sizes;
}

std::string dtypes_text(const pipeline::PartInspection& part) {
  std::string text;
  for (const auto& [name, count] : part.dtypes) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void print_memory(const std::vector<pipeline::SizeNeed>& needs) {
  fmt::print("\n\n{:<11}{:>7}{:>6}  {:<12}{:>10}{:>13}{:>10}{:>10}\n", "SIZE", "FRAMES", "TYPE", "PHASE",
             "WEIGHTS", "ACTIVATIONS", "HOST", "DEVICE");
  for (const auto& need : needs) {
    for (const auto& phase : need.phases) {
      fmt::print("{:<11}{:>7}{:>6}  {:<12}{:>10}{:>13}{:>10}{:>10}\n",
                 fmt::format("{}x{}", need.width, need.height), need.frames, need.precision, phase.phase,
                 gigabytes(phase.weights), gigabytes(phase.activations), gigabytes(phase.host),
                 gigabytes(phase.device));
    }
  }
}

void print_table(const Inspection& model) {
  fmt::print("{}  {}\n{} layout, {}\ndigest {}\n\n", model.name, model.directory.string(), model.layout,
             model.task, model.digest.empty() ? "not computed (--digest reads every byte)" : model.digest);
  fmt::print("{:<15}{:>16}{:>13}{:>9}  {}\n", "PART", "PARAMETERS", "SIZE", "TENSORS", "TYPES");
  for (const auto& part : model.parts) {
    fmt::print("{:<15}{:>16}{:>13}{:>9}  {}\n", part.name, part.parameters, gigabytes(part.bytes),
               part.tensors, dtypes_text(part));
  }
  for (const auto& part : model.parts) {
    fmt::print("\n{}:", part.name);
    for (const auto& [field, value] : part.config.items()) {
      if (value.is_number_integer()) fmt::print(" {} {}", field, value.get<int64_t>());
    }
  }
  print_memory(model.memory);
  int64_t bytes = 0;
  for (const auto& [file, size] : model.files) bytes += size;
  fmt::print("\n{} files, {}\n", model.files.size(), gigabytes(bytes));
}

Status inspect(const Options& options) {
  WAN_TRY(const auto sizes, requested(options));
  WAN_TRY(const auto directory, find_model_directory(options.model));
  const bool live = ::isatty(STDERR_FILENO) != 0;
  const auto progress = [&](int64_t done, int64_t total) {
    if (live) fmt::print(stderr, "\r\033[Kdigest  {} of {}", gigabytes(done), gigabytes(total));
  };
  const auto model = pipeline::inspect_model(directory, sizes, options.digest, progress);
  if (live && options.digest) fmt::print(stderr, "\r\033[K");
  if (!model) return fail(model.error());
  if (options.output == "json") {
    std::cout << to_json(*model).dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    print_table(*model);
  }
  return {};
}

}  // namespace

int run_inspect(int argc, char** argv) {
  Options options;
  CLI::App app("Say what model a directory holds and what it needs.", argv[0]);
  app.add_option("model", options.model, "model directory, or a name in $WAN_STORE, or wan-tiny")->required();
  app.add_option("--size", options.sizes, "WIDTHxHEIGHT to plan memory for (may be repeated)");
  app.add_option("--frames", options.frames, "frames to plan memory for (may be repeated)")
      ->check(whole_number());
  app.add_flag("--digest", options.digest, "compute the digest, which results report as modelDigest");
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  app.footer(kFooter);
  if (const auto ended = parse_flags(app, argc, argv)) return *ended;
  const auto status = inspect(options);
  if (status) return kExitOk;
  std::cerr << "wan-runtime inspect: " << status.error().message << "\n";
  const auto code = status.error().code;
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kNotFound ? kExitUsage : kExitFailed;
}

}  // namespace wan::cli
