// wan-runtime: the subcommands that need the model.

#include <csignal>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "runtime/cli/command.h"
#include "runtime/cli/generate.h"
#include "runtime/cli/inspect.h"
#include "runtime/cli/job.h"
#include "runtime/cli/make_random.h"
#include "runtime/cli/serve.h"
#include "runtime/cli/verify.h"

namespace {

constexpr wan::cli::Command kCommands[] = {
    {"generate", "make a video from a VideoJob manifest and/or flags", wan::cli::run_generate},
    {"inspect", "say what model a directory holds and what it needs", wan::cli::run_inspect},
    {"make-random", "write a model of published dimensions with random weights", wan::cli::run_make_random},
    {"serve", "load a model and serve video jobs over HTTP", wan::cli::run_serve},
    {"job", "serve exactly one video job, then exit", wan::cli::run_job},
    {"verify", "compare this build with the numbers of the official code", wan::cli::run_verify},
};

void print_help(std::ostream& out) {
  out << "wan-runtime " << WAN_VERSION << ": text and images to video with Wan models\n\n"
      << "Usage: wan-runtime COMMAND [flags]\n\nCommands:\n";
  for (const auto& command : kCommands) {
    const std::string name = command.name;
    out << "  " << name << std::string(12 - name.size(), ' ') << command.summary << "\n";
  }
  out << "\n`wan-runtime COMMAND --help` explains the flags of each.\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file above the limit of its size is an error of its write
  if (argc < 2) {
    print_help(std::cerr);
    return wan::cli::kExitUsage;
  }
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(std::cout);
    return wan::cli::kExitOk;
  }
  if (name == "--version") {
    std::cout << "wan-runtime " << WAN_VERSION << "\n";
    return wan::cli::kExitOk;
  }
  for (const auto& command : kCommands) {
    if (name != command.name) continue;
    std::string program = std::string("wan-runtime ") + command.name;
    argv[1] = program.data();
    return command.run(argc - 1, argv + 1);
  }
  std::cerr << "wan-runtime: no command '" << name << "'; see wan-runtime --help\n";
  return wan::cli::kExitUsage;
}
