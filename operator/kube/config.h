#pragma once
// How to reach the API server and as whom: from a kubeconfig, or from the service account of the pod.

#include <filesystem>
#include <string>
#include <vector>

#include "base/net/http.h"
#include "base/net/tls.h"
#include "base/result.h"
#include "operator/kube/exec_plugin.h"
#include "operator/kube/tls_source.h"

namespace wan::kube {

struct Config {
  net::Url server;
  std::optional<net::Url> proxy;  // HTTP proxy that is asked to CONNECT to the server
  net::TlsClientSettings tls;
  TlsFiles tls_files;                  // where parts of `tls` were read from
  std::string token;                   // fixed bearer token, or
  std::filesystem::path token_file;    // one that is read again every minute, or
  std::optional<ExecPlugin> exec;      // a program that gives one
  std::string namespace_ = "default";  // of the context, or of the pod
};

// Where the operator looks: `kubeconfig` if given, else $KUBECONFIG (several files, ':' between them), else
// the pod's service account when $KUBERNETES_SERVICE_HOST is set, else ~/.kube/config.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& kubeconfig, std::string_view context);

// Merges the files as kubectl does (the first that defines a name wins; relative paths are relative to their
// file) and picks `context`, or the current context if it is empty. kInvalidArgument for what this client
// does not do: auth-provider plugins, proxies other than http, basic auth, impersonation, skipped TLS
// verification, and credentials over plain http to anything but loopback.
[[nodiscard]] Result<Config> load_kubeconfig(const std::vector<std::filesystem::path>& files,
                                             std::string_view context);

// `host` and `port` are $KUBERNETES_SERVICE_HOST and _PORT; `directory` holds token, ca.crt and namespace.
// A missing token or CA is an error: without them nothing may be trusted.
[[nodiscard]] Result<Config> in_cluster_config(
    std::string_view host, std::string_view port,
    const std::filesystem::path& directory = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace wan::kube
