#include "runtime/cli/serve.h"

#include <iostream>

#include "runtime/cli/command.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/pod.h"

namespace wan::cli {

int run_serve(int argc, char** argv) {
  CLI::App app("Loads a model, probes it with a small generation, and serves video jobs over HTTP.", argv[0]);
  PodFlags flags;
  add_pod_flags(app, flags);
  app.footer(
      "Examples:\n"
      "  wan-runtime serve --model wan-tiny\n"
      "  curl -s localhost:8080/readyz\n\n"
      "Environment: POD_UID and WAN_CAPABILITY_PUBLIC_KEY (base64 of 32 bytes) are set by the operator; "
      "without the key\n"
      "only loopback addresses are served and no capability is asked for.\n\n"
      "Exit codes: 0 ended by SIGTERM or SIGINT after draining; 1 the model could not be loaded or the "
      "address not\n"
      "bound; 2 bad flags.");
  if (const auto ended = parse_flags(app, argc, argv)) return *ended;
  auto settings = pod_settings(flags);
  if (!settings) {
    std::cerr << "wan-runtime serve: " << settings.error().message << "\n";
    return kExitUsage;
  }
  const auto outcome = run_pod(*std::move(settings));
  if (!outcome) {
    std::cerr << "wan-runtime serve: " << outcome.error().message << "\n";
    return kExitFailed;
  }
  return *outcome == service::Outcome::kTerminated ? kExitOk : kExitFailed;
}

}  // namespace wan::cli
