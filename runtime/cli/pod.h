#pragma once
// What `serve` and `job` share: their common flags, and running the pod on an io_context of its own.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/service/runtime_server.h"

namespace wan::cli {

struct PodFlags {
  std::string model;
  std::string listen;  // "": as gallery::choose_listen_address says
  std::string device = "auto";
  std::string precision = "auto";
  int threads = 0;
  int drain_seconds = 30;
  std::filesystem::path scratch;
  std::string log_format = "text";
  std::string log_level = "info";
};

void add_pod_flags(CLI::App& app, PodFlags& flags);

// Flags and environment (POD_UID, WAN_CAPABILITY_PUBLIC_KEY) to settings. Without a key only a loopback
// address may be listened on: the API would be open to everyone who can reach it.
[[nodiscard]] Result<service::Settings> pod_settings(const PodFlags& flags);

// Blocks until the pod ends; prints "listening on ..." to the log when it accepts connections.
[[nodiscard]] Result<service::Outcome> run_pod(service::Settings settings);

}  // namespace wan::cli
