#include "runtime/gallery/verify.h"

#include <iostream>
#include <memory>

#include "base/json/json.h"
#include "runtime/gallery/cli/command.h"

namespace wan::gallery {
namespace {

struct Flags {
  std::string folder;
  bool json = false;
};

int run_verify(const Flags& flags) {
  const auto verified = verify(flags.folder, standard_meter("verify", flags.json));
  if (!verified) return report(verified.error(), flags.json);
  if (flags.json) {
    const Json outcome = {
        {"files", verified->files}, {"bytes", verified->bytes}, {"problems", verified->problems}};
    std::cout << to_text(outcome) << std::endl;
  } else {
    for (const std::string& problem : verified->problems) std::cout << "damaged: " << problem << "\n";
    std::cout << verified->files << " files, " << format_bytes(verified->bytes) << ": "
              << (verified->problems.empty() ? "all as their digests say"
                                             : std::to_string(verified->problems.size()) + " damaged")
              << std::endl;
  }
  return verified->problems.empty() ? kExitOk : kExitCorrupt;
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* command = app.add_subcommand("verify", "read everything again and compare with the digests");
  command->add_option("PATH", flags->folder, "an OCI image layout or a pulled directory")->required();
  command->add_flag("--json", flags->json, "progress and result as JSON lines");
  command->footer(
      "Examples:\n  wan-gallery verify /srv/gallery\n  wan-gallery verify /models/model\n\n"
      "Exit codes: 0 all is well; 1 nothing to verify there; 3 damaged (each file is named).");
  command->callback([flags, &run] { run = [flags] { return run_verify(*flags); }; });
}

}  // namespace wan::gallery
