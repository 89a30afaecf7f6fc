#include "operator/kube/config.h"

#include <charconv>

#include "base/environment.h"
#include "base/io/file.h"
#include "base/text.h"

namespace wan::kube {
namespace {

// A file of $KUBECONFIG that does not exist is skipped, as kubectl does.
std::vector<std::filesystem::path> existing_files(const std::string& list) {
  std::vector<std::filesystem::path> files;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(':', begin), list.size());
    const std::filesystem::path file = list.substr(begin, end - begin);
    std::error_code ignored;
    if (!file.empty() && std::filesystem::exists(file, ignored)) files.push_back(file);
    begin = end + 1;
  }
  return files;
}

}  // namespace

Result<Config> load_config(const std::filesystem::path& kubeconfig, std::string_view context) {
  if (!kubeconfig.empty()) return load_kubeconfig({kubeconfig}, context);
  const std::string list = environment("KUBECONFIG");
  const std::string host = environment("KUBERNETES_SERVICE_HOST");
  if (list.empty() && !host.empty() && context.empty()) {
    return in_cluster_config(host, environment("KUBERNETES_SERVICE_PORT"));
  }
  const std::string looked = list.empty() ? environment("HOME") + "/.kube/config" : list;
  const auto files = existing_files(looked);
  if (files.empty()) {
    return fail(invalid_argument("no kubeconfig found (looked at " + looked +
                                 ", and this is not a pod of a cluster); give one with --kubeconfig FILE"));
  }
  return load_kubeconfig(files, context);
}

Result<Config> in_cluster_config(std::string_view host, std::string_view port,
                                 const std::filesystem::path& directory) {
  Config config;
  config.server.scheme = "https";
  config.server.host = std::string(host);
  config.server.target = "/";
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), config.server.port);
  if (error != std::errc{} || end != port.data() + port.size() || config.server.port == 0) {
    return fail(invalid_argument("KUBERNETES_SERVICE_PORT is \"" + std::string(port) +
                                 "\"; it must be a port number between 1 and 65535"));
  }
  auto ca = read_file(directory / "ca.crt", 1u << 20);
  if (!ca) return fail(ca.error().with_context("the service account's CA"));
  config.tls.ca_pem = *ca;
  config.tls_files.ca = directory / "ca.crt";
  config.token_file = directory / "token";
  if (auto token = read_file(config.token_file, 1u << 20); !token) {
    return fail(token.error().with_context("the service account's token"));
  }
  if (auto name = read_file(directory / "namespace", 1u << 10)) config.namespace_ = without_line_end(*name);
  return config;
}

}  // namespace wan::kube
