#include "runtime/cli/inspect.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <fmt/format.h>
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

#include "runtime/cli/command.h"
#include "runtime/cli/model_lookup.h"
#include "runtime/cli/units.h"
#include "runtime/pipeline/inspection.h"

namespace wan::cli {
namespace {

using pipeline::Inspection;

constexpr const char* kFooter =
    R"(Reads configurations and the headers of the weight files, not the weights; --digest reads every byte.
Memory is an estimate from the dimensions: weights and activations of each phase, on the host.

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

Result<std::pair<int64_t, int64_t>> parse_size(const std::string& text) {
  int64_t sides[2] = {0, 0};
  const size_t cross = text.find('x');
  const char* end = text.data() + text.size();
  const char* middle = cross == std::string::npos ? end : text.data() + cross;
  const bool good = middle != end && std::from_chars(text.data(), middle, sides[0]).ptr == middle &&
                    std::from_chars(middle + 1, end, sides[1]).ptr == end;
  for (const int64_t side : sides) {
    if (!good || side < 16 || side > 4096 || side % 16 != 0) {
      return fail(invalid_argument(
          "--size: '" + text + "' is not allowed; it must be WIDTHxHEIGHT, multiples of 16 from 16 to 4096"));
    }
  }
  return std::pair{sides[0], sides[1]};
}

Result<std::vector<pipeline::VideoDims>> requested(const Options& options) {
  std::vector<pipeline::VideoDims> sizes;
  for (const std::string& text : options.sizes) {
    WAN_TRY(const auto size, parse_size(text));
    for (const int64_t frames : options.frames) {
      if (frames < 1 || frames > 1025 || frames % 4 != 1) {
        return fail(invalid_argument("--frames: " + std::to_string(frames) +
                                     " is not allowed; it must be 4n+1 from 1 to 1025"));
      }
      sizes.push_back({size.first, size.second, frames});
    }
  }
  return sizes;
}

std::string dtypes_text(const pipeline::PartInspection& part) {
  std::string text;
  for (const auto& [name, count] : part.dtypes) text += (text.empty() ? "" : ", ") + name;
  return text;
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
  fmt::print("\n\n{:<12}{:>7}{:>6}  {:<13}{:>12}{:>13}\n", "SIZE", "FRAMES", "TYPE", "PHASE", "WEIGHTS",
             "ACTIVATIONS");
  for (const auto& need : model.memory) {
    for (const auto& phase : need.phases) {
      fmt::print("{:<12}{:>7}{:>6}  {:<13}{:>12}{:>13}\n", fmt::format("{}x{}", need.width, need.height),
                 need.frames, need.precision, phase.phase, gigabytes(phase.weights),
                 gigabytes(phase.activations));
    }
  }
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
  app.add_option("--frames", options.frames, "frames to plan memory for (may be repeated)");
  app.add_flag("--digest", options.digest, "compute the digest, which results report as modelDigest");
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const auto status = inspect(options);
  if (status) return kExitOk;
  std::cerr << "wan-runtime inspect: " << status.error().message << "\n";
  const auto code = status.error().code;
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kNotFound ? kExitUsage : kExitFailed;
}

}  // namespace wan::cli
