#include <iostream>
#include <memory>

#include "base/json/json.h"
#include "runtime/gallery/cli/command.h"

namespace wan::gallery {
namespace {

struct Flags {
  std::string folder;
  std::string layout;
  std::string name;
  bool json = false;
};

int run_import(const Flags& flags) {
  const auto imported =
      import_model(flags.folder, flags.layout, flags.name, standard_meter("import", flags.json));
  if (!imported) return report(imported.error(), flags.json);
  if (flags.json) {
    std::cout << Json{{"name", imported->name},
                      {"digest", imported->digest},
                      {"bytes", imported->bytes},
                      {"files", imported->files}}
                     .dump()
              << std::endl;
  } else {
    std::cout << imported->name << "@" << imported->digest << std::endl;
  }
  return kExitOk;
}

}  // namespace

void add_import(CLI::App& app, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* command = app.add_subcommand("import", "put a model directory into an OCI image layout");
  command->add_option("DIR", flags->folder, "model in the diffusers layout (has model_index.json)")
      ->required();
  command->add_option("--to", flags->layout, "the layout; made if absent")->required();
  command->add_option("--name", flags->name, "the model's name in the layout")->required();
  command->add_flag("--json", flags->json, "progress and result as JSON lines");
  command->footer(
      "Prints NAME@DIGEST. The same files and name give the same digest, always.\n\n"
      "Example:\n  wan-gallery import models/wan-tiny --to /srv/gallery --name wan-tiny\n\n"
      "Exit codes: 0 imported; 1 could not read or write; 2 not a model, or a name that is not allowed.");
  command->callback([flags, &run] { run = [flags] { return run_import(*flags); }; });
}

}  // namespace wan::gallery
