// wan-gallery: the stores of models and of results.

#include <iostream>

#include "runtime/gallery/cli/command.h"

int main(int argc, char** argv) {
  CLI::App app{"wan-gallery: the stores of models (OCI image layouts) and of results (artifacts)",
               "wan-gallery"};
  app.set_version_flag("--version", std::string("wan-gallery ") + WAN_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  wan-gallery import models/wan-tiny --to /srv/gallery --name wan-tiny\n"
      "  wan-gallery pull local:///srv/gallery:wan-tiny --output /models/model\n"
      "  wan-gallery artifacts --root /artifacts --audience artifacts/default/videos\n\n"
      "`wan-gallery COMMAND --help` explains each. Exit codes: 0 done, 1 failed, 2 usage, 3 damaged bytes.");
  wan::gallery::Run run;
  wan::gallery::add_import(app, run);
  wan::gallery::add_pull(app, run);
  wan::gallery::add_inspect(app, run);
  wan::gallery::add_list(app, run);
  wan::gallery::add_verify(app, run);
  wan::gallery::add_artifacts(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? wan::gallery::kExitOk : wan::gallery::kExitUsage;
  }
  return run();
}
