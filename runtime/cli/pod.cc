#include "runtime/cli/pod.h"

#include <exception>
#include <system_error>
#include <utility>

#include "base/environment.h"
#include "base/log.h"
#include "runtime/cli/model_lookup.h"

namespace wan::cli {
namespace {

Result<std::filesystem::path> scratch_folder(std::filesystem::path wanted) {
  std::error_code error;
  if (wanted.empty()) wanted = std::filesystem::temp_directory_path(error) / "wan-runtime";
  std::filesystem::create_directories(wanted, error);
  if (error) return fail(invalid_argument("--scratch " + wanted.string() + ": " + error.message()));
  return wanted;
}

Task<void> serve_into(service::Settings settings, std::optional<Result<service::Outcome>>& outcome) {
  const std::string address = settings.address;
  outcome = co_await service::serve(
      std::move(settings), [address](uint16_t port) { log::info("listening on {}:{}", address, port); });
}

}  // namespace

void add_pod_flags(CLI::App& app, PodFlags& flags) {
  app.add_option("--model", flags.model, "model directory, or the name of a model in $WAN_STORE or built in")
      ->required();
  app.add_option("--listen", flags.listen,
                 "ADDRESS:PORT of the HTTP API (default 0.0.0.0:8080; without a key 127.0.0.1:8080)");
  app.add_option("--device", flags.device, "auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option(
         "--precision", flags.precision,
         "number format of the matrices: auto (bf16 where the machine is good at it and the model is large), "
         "fp32 or bf16")
      ->check(CLI::IsMember({"auto", "fp32", "bf16"}))
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "inference threads; 0: the cores that this process may use")
      ->check(CLI::Range(0, 1024));
  app.add_option("--drain-seconds", flags.drain_seconds, "how long a running job may go on after SIGTERM")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  app.add_option("--scratch", flags.scratch, "folder for videos on their way to the artifact server");
  app.add_option("--log-format", flags.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

Result<service::Settings> pod_settings(const PodFlags& flags) {
  log::configure({.program = "wan-runtime",
                  .level = flags.log_level,
                  .format = flags.log_format == "json" ? log::Format::kJson : log::Format::kText});
  service::Settings settings;
  settings.authority = {environment("WAN_CAPABILITY_PUBLIC_KEY"), environment("POD_UID")};
  WAN_TRY(const gallery::ListenAddress listen,
          gallery::choose_listen_address(flags.listen, settings.authority));
  settings.address = listen.address;
  settings.port = listen.port;
  if (!settings.authority.is_open() && settings.authority.audience.empty()) {
    return fail(invalid_argument("POD_UID is not set: capabilities are made out to it"));
  }
  settings.drain = std::chrono::seconds(flags.drain_seconds);
  WAN_TRY(settings.scratch, scratch_folder(flags.scratch));
  WAN_TRY(const std::filesystem::path model, find_model_directory(flags.model));
  pipeline::GeneratorSettings generator{
      .device = flags.device, .threads = flags.threads, .precision = flags.precision, .media_program = {}};
  settings.loader = [model, generator](const pipeline::ProgressSink& progress) {
    return pipeline::load_generator(model, generator, progress);
  };
  settings.decode_image = [](const std::string& bytes) { return pipeline::decode_input_image(bytes, {}); };
  return settings;
}

Result<service::Outcome> run_pod(service::Settings settings) {
  std::optional<Result<service::Outcome>> outcome;
  asio::io_context io(1);
  asio::co_spawn(io, serve_into(std::move(settings), outcome), [](const std::exception_ptr& exception) {
    if (exception) std::rethrow_exception(exception);
  });
  io.run();
  WAN_CHECK(outcome.has_value());
  return *std::move(outcome);
}

}  // namespace wan::cli
