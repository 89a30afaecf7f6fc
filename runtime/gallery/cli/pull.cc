#include "runtime/gallery/pull.h"

#include <iostream>
#include <memory>

#include "base/environment.h"
#include "base/json/json.h"
#include "runtime/gallery/cli/command.h"
#include "runtime/gallery/progress_server.h"

namespace wan::gallery {
namespace {

struct Flags {
  std::string source;
  std::string output;
  std::string termination_log;
  std::string progress_listen;
  bool json = false;
};

// Nothing where none is asked for, and where none can be had: the weights matter more.
std::unique_ptr<ProgressServer> serve_progress(const Flags& flags) {
  if (flags.progress_listen.empty()) return nullptr;
  Authority authority{environment("WAN_CAPABILITY_PUBLIC_KEY"), environment("POD_UID")};
  const auto listen = choose_listen_address(flags.progress_listen, authority);
  auto server = listen ? ProgressServer::start(*listen, std::move(authority)) : fail(listen.error());
  if (server) return *std::move(server);
  std::cerr << "wan-gallery: progress is not served: " << server.error().message << std::endl;
  return nullptr;
}

Result<Pulled> pull(const Flags& flags) {
  WAN_TRY(const Reference source, parse_reference(flags.source));
  const std::unique_ptr<ProgressServer> server = serve_progress(flags);
  const auto tell = [&server](const TransferProgress& progress) {
    if (server) server->update(progress);
  };
  return pull_model(source, flags.output, standard_meter("pull", flags.json, tell));
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
    write_termination_log(flags.termination_log, error);
    return report(error, flags.json);
  }
  write_termination_log(flags.termination_log, Json{{"digest", pulled->digest}, {"bytes", pulled->bytes}});
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
  command->add_option("--progress-listen", flags->progress_listen,
                      "ADDRESS:PORT of GET /v1/status with the bytes done, for the operator");
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
