#include "base/crypto/hmac.h"
#include "base/io/file.h"
#include "base/json/json.h"
#include "operator/kube/config.h"

namespace wan::kube {
namespace {

// The lists of all files, names unique, every relative path made absolute.
struct Merged {
  Json clusters = Json::object();
  Json users = Json::object();
  Json contexts = Json::object();
  std::string current_context;
  std::string sources;
};

// Where an entry was read: the commands of its exec plugin are relative to it. Not a name that YAML could
// have.
constexpr const char* kDirectory = "\n";

void absolute_path(Json& entry, const char* field, const std::filesystem::path& directory) {
  const std::string path = string_or(entry, {field}, "");
  if (path.empty() || std::filesystem::path(path).is_absolute()) return;
  entry[field] = (directory / path).string();
}

void merge_list(const Json& file, const char* list, const char* member,
                const std::filesystem::path& directory, Json& into) {
  const Json* entries = find(file, {list});
  if (entries == nullptr || !entries->is_array()) return;
  for (const Json& entry : *entries) {
    const std::string name = string_or(entry, {"name"}, "");
    const Json* value = find(entry, {member});
    if (value == nullptr || !value->is_object() || into.contains(name)) continue;
    Json copy = *value;
    for (const char* field : {"certificate-authority", "client-certificate", "client-key", "tokenFile"}) {
      absolute_path(copy, field, directory);
    }
    copy[kDirectory] = directory.string();
    into[name] = std::move(copy);
  }
}

Status merge_file(const std::filesystem::path& path, Merged& merged) {
  WAN_TRY(const std::string text, read_file(path, 1u << 20));
  auto parsed = parse_yaml(text);
  if (!parsed) return fail(parsed.error().with_context(path.string()));
  std::error_code ignored;
  const std::filesystem::path directory = std::filesystem::absolute(path, ignored).parent_path();
  merge_list(*parsed, "clusters", "cluster", directory, merged.clusters);
  merge_list(*parsed, "users", "user", directory, merged.users);
  merge_list(*parsed, "contexts", "context", directory, merged.contexts);
  if (merged.current_context.empty()) merged.current_context = string_or(*parsed, {"current-context"}, "");
  merged.sources += (merged.sources.empty() ? "" : ":") + path.string();
  return {};
}

std::string names_of(const Json& map) {
  std::string names;
  for (const auto& [name, value] : map.items()) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

Result<const Json*> entry(const Merged& merged, const Json& map, const std::string& name, const char* what) {
  if (const Json* value = find(map, {name})) return value;
  return fail(invalid_argument(merged.sources + ": no " + what + " is named \"" + name +
                               "\" (there are: " + names_of(map) + ")"));
}

Status refuse(const Json& object, const Merged& merged, const char* field, const char* instead) {
  const Json* value = find(object, {field});
  if (value == nullptr || value->is_null() || *value == Json(false) || *value == Json("")) return {};
  return fail(invalid_argument(merged.sources + ": `" + field + "` is not supported; " + instead));
}

Status refuse_unsupported(const Merged& merged, const Json& cluster, const Json& user) {
  constexpr const char* kUseToken = "use a client certificate, a token, a tokenFile or an exec plugin";
  WAN_TRY_VOID(refuse(cluster, merged, "insecure-skip-tls-verify", "name the CA in certificate-authority"));
  for (const char* field : {"auth-provider", "username", "password"}) {
    WAN_TRY_VOID(refuse(user, merged, field, kUseToken));
  }
  for (const char* field : {"as", "as-uid", "as-groups", "as-user-extra"}) {
    WAN_TRY_VOID(refuse(user, merged, field, "use credentials of the account itself"));
  }
  return {};
}

// FIELD-data (base64) wins over FIELD (a file, which is noted), as with kubectl.
Result<std::string> data_or_file(const Json& object, const Merged& merged, const std::string& field,
                                 std::filesystem::path& noted) {
  const std::string data = string_or(object, {field + "-data"}, "");
  if (!data.empty()) {
    auto decoded = base64_decode(data);
    if (!decoded) return fail(decoded.error().with_context(merged.sources + ": " + field + "-data"));
    return decoded;
  }
  const std::string file = string_or(object, {field}, "");
  if (file.empty()) return std::string();
  noted = file;
  return read_file(file, 1u << 20);
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Status check_plain_http(const Config& config) {
  const bool has_secret = !config.token.empty() || !config.token_file.empty() || config.exec ||
                          !config.tls.client_key_pem.empty();
  if (config.server.scheme == "https" || !has_secret || is_loopback(config.server.host)) return {};
  return fail(invalid_argument("the API server address http://" + net::authority(config.server) +
                               " would carry credentials in the clear; use https"));
}

Status read_cluster(const Json& cluster, const Merged& merged, Config& config) {
  auto server = net::parse_url(string_or(cluster, {"server"}, ""));
  if (!server) return fail(server.error().with_context(merged.sources + ": clusters[].cluster.server"));
  config.server = *server;
  WAN_TRY(config.tls.ca_pem, data_or_file(cluster, merged, "certificate-authority", config.tls_files.ca));
  const std::string server_name = string_or(cluster, {"tls-server-name"}, "");
  if (!server_name.empty()) config.tls.server_name = server_name;
  const std::string proxy = string_or(cluster, {"proxy-url"}, "");
  if (proxy.empty()) return {};
  auto url = net::parse_url(proxy);
  if (!url) return fail(url.error().with_context(merged.sources + ": clusters[].cluster.proxy-url"));
  if (url->scheme != "http") {
    return fail(invalid_argument(merged.sources + ": proxy-url is " + url->scheme + "://" +
                                 net::authority(*url) + "; only http:// proxies are supported"));
  }
  config.proxy = *url;
  return {};
}

Status read_user(const Json& user, const Json& cluster, const Merged& merged, Config& config) {
  TlsFiles& files = config.tls_files;
  WAN_TRY(config.tls.client_certificate_pem,
          data_or_file(user, merged, "client-certificate", files.client_certificate));
  WAN_TRY(config.tls.client_key_pem, data_or_file(user, merged, "client-key", files.client_key));
  if (config.tls.client_certificate_pem.empty() != config.tls.client_key_pem.empty()) {
    return fail(invalid_argument(merged.sources + ": client-certificate and client-key must both be set"));
  }
  config.token = string_or(user, {"token"}, "");
  if (config.token.empty()) config.token_file = string_or(user, {"tokenFile"}, "");
  const Json* exec = find(user, {"exec"});
  if (exec == nullptr || exec->is_null()) return {};
  Json told = cluster;
  told.erase(kDirectory);
  auto plugin = parse_exec_plugin(*exec, told, string_or(user, {kDirectory}, ""));
  if (!plugin) return fail(plugin.error().with_context(merged.sources + ": users[].user"));
  config.exec = *std::move(plugin);
  return {};
}

}  // namespace

Result<Config> load_kubeconfig(const std::vector<std::filesystem::path>& files, std::string_view context) {
  Merged merged;
  for (const std::filesystem::path& file : files) WAN_TRY_VOID(merge_file(file, merged));
  const std::string chosen = context.empty() ? merged.current_context : std::string(context);
  WAN_TRY(const Json* selected, entry(merged, merged.contexts, chosen, "context"));
  WAN_TRY(const Json* cluster,
          entry(merged, merged.clusters, string_or(*selected, {"cluster"}, ""), "cluster"));
  WAN_TRY(const Json* user, entry(merged, merged.users, string_or(*selected, {"user"}, ""), "user"));
  WAN_TRY_VOID(refuse_unsupported(merged, *cluster, *user));

  Config config;
  WAN_TRY_VOID(read_cluster(*cluster, merged, config));
  WAN_TRY_VOID(read_user(*user, *cluster, merged, config));
  config.namespace_ = string_or(*selected, {"namespace"}, "default");
  WAN_TRY_VOID(check_plain_http(config));
  return config;
}

}  // namespace wan::kube
