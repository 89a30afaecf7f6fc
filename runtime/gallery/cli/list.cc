#include <fmt/format.h>
#include <iostream>
#include <memory>

#include "base/json/json.h"
#include "runtime/gallery/cli/command.h"
#include "runtime/gallery/layout.h"

namespace wan::gallery {
namespace {

struct Flags {
  std::string layout;
  std::string format = "table";
};

Result<Json> describe_all(const Flags& flags) {
  WAN_TRY(const Layout layout, open_layout(flags.layout));
  WAN_TRY(const std::vector<OciDescriptor> entries, list_models(layout));
  Json items = Json::array();
  for (const OciDescriptor& entry : entries) {
    WAN_TRY(Json item, describe_model(layout, entry));
    items.push_back(std::move(item));
  }
  return items;
}

int run_list(const Flags& flags) {
  const auto items = describe_all(flags);
  if (!items) return report(items.error(), flags.format == "json");
  if (flags.format == "json") {
    std::cout << Json{{"items", *items}}.dump(2) << std::endl;
    return kExitOk;
  }
  std::cout << fmt::format("{:<28} {:<10} {:<6} DIGEST\n", "NAME", "SIZE", "FILES");
  for (const Json& item : *items) {
    std::cout << fmt::format("{:<28} {:<10} {:<6} {}\n", string_or(item, {"name"}, ""),
                             format_bytes(int_or(item, {"bytes"}, 0)), int_or(item, {"files"}, 0),
                             string_or(item, {"digest"}, ""));
  }
  return kExitOk;
}

}  // namespace

Result<Json> describe_model(const Layout& layout, const OciDescriptor& entry) {
  WAN_TRY(const ModelManifest manifest, read_model(layout, entry));
  WAN_TRY(const std::string text, read_blob(layout, manifest.config, kMaxConfigBytes));
  WAN_TRY(const Json config, parse_json(text));
  Json model = {{"name", name_of(entry)},
                {"digest", entry.digest},
                {"bytes", manifest.bytes()},
                {"files", manifest.files.size()}};
  if (const Json* generation = find(config, {kGenerationMember})) model["generation"] = *generation;
  return model;
}

void add_list(CLI::App& app, Run& run) {
  auto flags = std::make_shared<Flags>();
  auto* command = app.add_subcommand("list", "list the models of a layout");
  command->add_option("LAYOUT", flags->layout, "an OCI image layout")->required();
  command->add_option("-o,--output", flags->format, "table or json")->check(CLI::IsMember({"table", "json"}));
  command->footer(
      "Example:\n  wan-gallery list /srv/gallery -o json\n\n"
      "Exit codes: 0 listed; 1 no such layout; 3 a manifest is not what its digest says.");
  command->callback([flags, &run] { run = [flags] { return run_list(*flags); }; });
}

}  // namespace wan::gallery
