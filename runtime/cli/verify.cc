#include "runtime/cli/verify.h"

#include <iostream>
#include <string>

#include "base/io/file.h"
#include "runtime/cli/command.h"
#include "runtime/cli/flags.h"
#include "runtime/verify/report.h"
#include "runtime/verify/verify.h"

namespace wan::cli {
namespace {

struct Options {
  std::string directory, report;
  std::string format = "table";
  verify::Options verify;
};

constexpr const char* kFooter =
    R"(Run it after a new LibTorch, CPU or GPU. DIR has one folder for each component, as tests/golden/data has, or is
one of these folders.

Examples:
  wan-runtime verify tests/golden/data
  wan-runtime verify tests/golden/data --only dit --device cuda
  wan-runtime verify tests/golden/data --report verify.txt      # to attach to a bug report

Exit codes: 0 all within the tolerances; 1 something is not, or a file is broken; 2 bad flags or nothing to compare.)";

int write_report(const std::string& file, const verify::Outcome& outcome) {
  if (file.empty()) return kExitOk;
  const Status written = write_file_atomically(file, verify::report(outcome));
  if (written) return kExitOk;
  std::cerr << "--report: " << written.error().message << std::endl;
  return kExitFailed;
}

int verify_directory(const Options& options) {
  const bool table = options.format == "table";
  if (table) std::cout << verify::table_header();
  const auto outcome =
      verify::verify(options.directory, options.verify, [&](const verify::FolderResult& folder) {
        if (table) std::cout << verify::table_of(folder) << std::flush;
      });
  if (!outcome) {
    std::cerr << "wan-runtime verify: " << outcome.error().message << std::endl;
    return kExitUsage;
  }
  std::cout << (table ? verify::summary(*outcome) : verify::to_json(*outcome).dump(2) + "\n") << std::flush;
  const int reported = write_report(options.report, *outcome);
  return outcome->pass() ? reported : kExitFailed;
}

}  // namespace

int run_verify(int argc, char** argv) {
  Options options;
  CLI::App app("Compares this build with golden vectors of the official code.", argv[0]);
  app.add_option("DIR", options.directory, "golden directory, or one folder of it")->required();
  app.add_option("-o,--output", options.format, "table or json")->check(CLI::IsMember({"table", "json"}));
  app.add_option("--report", options.report, "also write a report with versions, device and the table here");
  app.add_option("--only", options.verify.only, "one component or one folder");
  app.add_option("--device", options.verify.device, "auto, cpu or cuda");
  app.add_option("--threads", options.verify.threads,
                 "CPU threads (default: the cores this process may use)");
  app.footer(kFooter);
  if (const auto ended = parse_flags(app, argc, argv)) return *ended;
  return verify_directory(options);
}

}  // namespace wan::cli
