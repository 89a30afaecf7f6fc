#include "runtime/cli/make_random.h"

#include <chrono>
#include <fmt/format.h>
#include <iostream>
#include <string>
#include <unistd.h>

#include "runtime/cli/command.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/model_lookup.h"
#include "runtime/pipeline/random_model.h"

namespace wan::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kFooter =
    R"(The weights are random, so videos are noise: the directory is for benchmarks and for trying a machine. It has the
diffusers layout; the VAE is fp32. The tokenizer is the built-in model's small one, whose ids are valid for the
full vocabulary (--tokenizer takes another).

Examples:
  wan-runtime make-random /data/random-1.3b --variant t2v-1.3b
  wan-runtime make-random /tmp/one-layer --variant t2v-14b --layers 1
  wan-runtime make-random /tmp/small --variant i2v-14b-480p --layers 2 --scale 8 --dtype fp32 --seed 7

Exit codes: 0 the directory is written; 1 it failed (nothing is left); 2 bad flags.)";

struct Options {
  std::string directory, dtype = "bf16", tokenizer;
  pipeline::RandomModelRequest request;
};

// A line a second on a terminal, one in ten seconds in a log.
class Display {
 public:
  void show(int64_t done, int64_t total) {
    const auto now = Clock::now();
    if (now - last_ < (live_ ? std::chrono::seconds(1) : std::chrono::seconds(10))) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double left = seconds * static_cast<double>(total - done) / static_cast<double>(done);
    fmt::print(stderr, "{}write  {:.1f} of {:.1f} GB  {:.0f} s left{}", live_ ? "\r\033[K" : "",
               static_cast<double>(done) / 1e9, static_cast<double>(total) / 1e9, left, live_ ? "" : "\n");
  }
  void clear() const {
    if (live_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool live_ = ::isatty(STDERR_FILENO) != 0;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

Status make(Options& options) {
  if (options.tokenizer.empty()) {
    WAN_TRY(const auto built_in, find_model_directory(kBuiltInModel));
    options.tokenizer = (built_in / "tokenizer").string();
  }
  options.request.bf16 = options.dtype == "bf16";
  options.request.tokenizer = options.tokenizer;
  Display display;
  const Status status = pipeline::make_random_model(
      options.request, options.directory, [&](int64_t done, int64_t total) { display.show(done, total); });
  display.clear();
  return status;
}

}  // namespace

int run_make_random(int argc, char** argv) {
  Options options;
  CLI::App app("Write a model directory of published dimensions with random weights.", argv[0]);
  app.add_option("directory", options.directory, "the folder to make; must not exist")->required();
  app.add_option("--variant", options.request.variant, "t2v-1.3b, t2v-14b, i2v-14b-480p or i2v-14b-720p")
      ->required();
  app.add_option("--layers", options.request.layers,
                 "layers of the encoders and the transformer (default: all)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--scale", options.request.scale, "divide heads and widths by this")
      ->check(CLI::Range(1, 1000));
  app.add_option("--dtype", options.dtype, "bf16 or fp32")->check(CLI::IsMember({"bf16", "fp32"}));
  app.add_option("--seed", options.request.seed, "the same seed gives the same bytes");
  app.add_option("--tokenizer", options.tokenizer, "tokenizer/ folder to copy");
  app.footer(kFooter);
  if (const auto ended = parse_flags(app, argc, argv)) return *ended;
  const Status status = make(options);
  if (!status) {
    std::cerr << "wan-runtime make-random: " << status.error().message << "\n";
    return status.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
  }
  fmt::print("{}  {}\n", options.directory, options.request.variant);
  return kExitOk;
}

}  // namespace wan::cli
