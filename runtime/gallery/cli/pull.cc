#include "runtime/gallery/pull.h"

#include <fstream>
#include <iostream>
#include <memory>

#include "base/json/json.h"
#include "runtime/gallery/cli/command.h"

namespace wan::gallery {
namespace {

constexpr size_t kMaxTerminationMessage = 3000;  // Kubernetes keeps 4096 bytes

struct Flags {
  std::string source;
  std::string output;
  std::string termination_log;
  bool json = false;
};

Result<Pulled> pull(const Flags& flags) {
  WAN_TRY(const Reference source, parse_reference(flags.source));
  return pull_model(source, flags.output, standard_meter("pull", flags.json));
}

// For the kubelet: in place, since the file is a mount of its own.
void write_termination_log(const std::string& file, const Json& message) {
  if (file.empty()) return;
  std::ofstream(file, std::ios::trunc) << to_text(message);
}

void print_result(const Flags& flags, const Pulled& pulled) {
  if (flags.json) {
    std::cout << Json{{"name", pulled.name},
                      {"digest", pulled.digest},
                      {"bytes", pulled.bytes},
                      {"bytesKept", pulled.bytes_kept},
                      {"alreadyThere", pulled.already_there}}
                     .dump()
              << std::endl;
  } else {
    std::cout << pulled.name << "@" << pulled.digest << (pulled.already_there ? " was there already" : "")
              << std::endl;
  }
}

int run_pull(const Flags& flags) {
  const auto pulled = pull(flags);
  if (!pulled) {
    const Error& error = pulled.error();
    write_termination_log(flags.termination_log,
                          {{"error",
                            {{"reason", to_string(error.code)},
                             {"message", error.message.substr(0, kMaxTerminationMessage)}}}});
    return report(error, flags.json);
  }
  write_termination_log(flags.termination_log, {{"digest", pulled->digest}, {"bytes", pulled->bytes}});
  print_result(flags, *pulled);
  return kExitOk;
}

}  // namespace

void add_pull(CLI::App& app, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* command = app.add_subcommand("pull", "copy a model out of a layout, checking every byte");
  command->add_option("SOURCE", flags->source, "local://PATH_TO_LAYOUT[:NAME][@sha256:HEX]")->required();
  command->add_option("--output", flags->output, "the directory to make; it appears when complete")
      ->required();
  command->add_option("--termination-log", flags->termination_log,
                      "file that gets {\"digest\",\"bytes\"} or {\"error\"} (for init containers)");
  command->add_flag("--json", flags->json, "progress and result as JSON lines");
  command->footer(
      "An interrupted pull goes on where it stopped. A directory that holds this digest already is kept.\n\n"
      "Examples:\n"
      "  wan-gallery pull local:///opt/wan/gallery:wan-tiny --output /models/model\n"
      "  wan-gallery pull local:///srv/gallery:wan2.1-t2v-1.3b@sha256:6b0e... --output ./wan2.1-t2v-1.3b\n\n"
      "Exit codes: 0 there and checked; 1 missing model, no space, not writable; 2 bad source or flags;\n"
      "3 the store's bytes are not what their digests say.");
  command->callback([flags, &run] { run = [flags] { return run_pull(*flags); }; });
}

}  // namespace wan::gallery
