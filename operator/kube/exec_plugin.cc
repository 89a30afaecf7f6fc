#include "operator/kube/exec_plugin.h"

#include <boost/asio/as_tuple.hpp>
#include <filesystem>

#include "base/async/cancellation.h"

namespace wan::kube {
namespace {

constexpr std::string_view kV1 = "client.authentication.k8s.io/v1";
constexpr std::string_view kV1beta1 = "client.authentication.k8s.io/v1beta1";
constexpr std::chrono::seconds kLeeway{10};

Status check(const Json& exec, const ExecPlugin& plugin) {
  if (plugin.argv[0].empty()) return fail(invalid_argument("exec.command is empty; name a program"));
  if (plugin.api_version != kV1 && plugin.api_version != kV1beta1) {
    return fail(invalid_argument("exec.apiVersion is \"" + plugin.api_version + "\"; it must be " +
                                 std::string(kV1) + " or " + std::string(kV1beta1)));
  }
  if (string_or(exec, {"interactiveMode"}, "") != "Always") return {};
  return fail(
      invalid_argument("exec.interactiveMode is Always, but the operator has no terminal; use a plugin "
                       "that can do without, or a token"));
}

}  // namespace

Result<ExecPlugin> parse_exec_plugin(const Json& exec, const Json& cluster, const std::string& directory) {
  ExecPlugin plugin;
  std::string command = string_or(exec, {"command"}, "");
  // A path is relative to the kubeconfig; a bare name is looked up in $PATH.
  if (command.find('/') != std::string::npos && !command.starts_with('/')) {
    command = (std::filesystem::path(directory) / command).string();
  }
  plugin.argv.push_back(std::move(command));
  plugin.api_version = string_or(exec, {"apiVersion"}, "");
  plugin.install_hint = string_or(exec, {"installHint"}, "");
  if (const Json* args = find(exec, {"args"}); args != nullptr && args->is_array()) {
    for (const Json& each : *args)
      plugin.argv.push_back(each.is_string() ? each.get<std::string>() : each.dump());
  }
  if (const Json* env = find(exec, {"env"}); env != nullptr && env->is_array()) {
    for (const Json& each : *env) {
      plugin.environment.emplace_back(string_or(each, {"name"}, ""), string_or(each, {"value"}, ""));
    }
  }
  if (bool_or(exec, {"provideClusterInfo"}, false)) plugin.cluster = cluster;
  WAN_TRY_VOID(check(exec, plugin));
  return plugin;
}

std::string exec_info(const ExecPlugin& plugin) {
  Json info = Json::object();
  info["apiVersion"] = plugin.api_version;
  info["kind"] = "ExecCredential";
  info["spec"]["interactive"] = false;
  if (!plugin.cluster.is_null()) info["spec"]["cluster"] = plugin.cluster;
  return info.dump();
}

Result<Credential> parse_exec_credential(std::string_view text, const std::string& api_version) {
  const auto parsed = parse_json(text);
  // What it wrote may be the secret itself: no error may quote it.
  if (!parsed) return fail(invalid_argument("it wrote no JSON to its standard output"));
  if (string_or(*parsed, {"kind"}, "") != "ExecCredential" ||
      string_or(*parsed, {"apiVersion"}, "") != api_version) {
    return fail(invalid_argument("it must write an ExecCredential of " + api_version));
  }
  Credential credential;
  credential.token = string_or(*parsed, {"status", "token"}, "");
  credential.client_certificate_pem = string_or(*parsed, {"status", "clientCertificateData"}, "");
  credential.client_key_pem = string_or(*parsed, {"status", "clientKeyData"}, "");
  if (credential.client_certificate_pem.empty() != credential.client_key_pem.empty()) {
    return fail(invalid_argument("clientCertificateData and clientKeyData must both be set"));
  }
  if (credential.token.empty() && credential.client_key_pem.empty()) {
    return fail(invalid_argument("its status has neither a token nor a client certificate"));
  }
  if (credential.token.find_first_of("\r\n") != std::string::npos) {
    return fail(invalid_argument("its token has more than one line"));
  }
  const std::string expires = string_or(*parsed, {"status", "expirationTimestamp"}, "");
  if (expires.empty()) return credential;
  auto time = parse_time(expires);
  if (!time) return fail(time.error().with_context("expirationTimestamp"));
  credential.expires = *time;
  return credential;
}

ExecCredentials::ExecCredentials(asio::any_io_executor executor, ExecPlugin plugin, const Clock& clock)
    : plugin_(std::move(plugin)), clock_(clock), ended_(executor, asio::steady_timer::time_point::max()) {}

bool ExecCredentials::is_fresh() const {
  return current_ && (!current_->expires || clock_.wall() + kLeeway < *current_->expires);
}

Task<Result<Credential>> ExecCredentials::get() {
  while (!is_fresh()) {
    if (!running_) co_return co_await run();
    if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
    co_await ended_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return *current_;
}

Task<Result<Credential>> ExecCredentials::run() {
  running_ = true;
  Program program;
  program.argv = plugin_.argv;
  program.environment = plugin_.environment;
  program.environment.emplace_back("KUBERNETES_EXEC_INFO", exec_info(plugin_));
  const auto output = co_await run_program(std::move(program));
  running_ = false;
  ended_.cancel();
  const std::string what = "the kubeconfig's exec plugin " + plugin_.argv[0];
  if (!output) {
    const bool missing = output.error().code == ErrorCode::kNotFound && !plugin_.install_hint.empty();
    Error error = missing ? not_found(output.error().message + "; " + plugin_.install_hint) : output.error();
    // The API server is not at fault: a missing plugin must not look like a missing object.
    if (error.code != ErrorCode::kCancelled) error.code = ErrorCode::kUnavailable;
    co_return fail(error.with_context(what));
  }
  auto credential = parse_exec_credential(*output, plugin_.api_version);
  if (!credential) co_return fail(unavailable(what + ": " + credential.error().message));
  current_ = *credential;
  co_return credential;
}

}  // namespace wan::kube
