#include <iostream>
#include <memory>

#include "runtime/gallery/cli/command.h"

namespace wan::gallery {
namespace {

struct Flags {
  std::string source;
  std::string termination_log;
};

Result<Json> inspect(const Flags& flags) {
  WAN_TRY(const Reference source, parse_reference(flags.source));
  WAN_TRY(const Layout layout, open_layout(source.layout));
  WAN_TRY(const OciDescriptor entry, find_model(layout, source));
  return describe_model(layout, entry);
}

int run_inspect(const Flags& flags) {
  const auto found = inspect(flags);
  if (!found) {
    write_termination_log(flags.termination_log, found.error());
    return report(found.error());
  }
  write_termination_log(flags.termination_log, *found);
  std::cout << found->dump(2) << std::endl;
  return kExitOk;
}

}  // namespace

void add_inspect(CLI::App& app, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* command = app.add_subcommand("inspect", "say which model a source holds: digest, size, defaults");
  command->add_option("SOURCE", flags->source, "local://PATH_TO_LAYOUT[:NAME][@sha256:HEX]")->required();
  command->add_option("--termination-log", flags->termination_log,
                      "file that gets the same JSON or {\"error\"} (for Jobs)");
  command->footer(
      "Reads manifest and configuration, not the weights: `verify` reads those.\n\n"
      "Example:\n  wan-gallery inspect local:///srv/gallery:wan-tiny\n\n"
      "Exit codes: 0 found; 1 no such layout or model; 2 bad source; 3 a manifest is not what its digest "
      "says.");
  command->callback([flags, &run] { run = [flags] { return run_inspect(*flags); }; });
}

}  // namespace wan::gallery
