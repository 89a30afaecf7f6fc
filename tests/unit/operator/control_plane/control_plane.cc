#include "tests/unit/operator/control_plane/control_plane.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <unistd.h>

#include "base/crypto/hmac.h"
#include "base/io/file.h"
#include "operator/api/crd.h"
#include "operator/kube/api_error.h"
#include "tests/support/paths.h"

namespace wan {
namespace {

// A port of loopback that nobody uses now; the runtimes of one test listen on it at addresses of their own.
uint16_t free_port(asio::io_context& context) {
  net::Server server(context.get_executor(), net::ServerSettings(),
                     [](net::IncomingRequest&, net::ResponseWriter&) -> Task<void> { co_return; });
  EXPECT_TRUE(server.start());
  const uint16_t port = server.port();
  testing::run_task(context, server.stop(std::chrono::milliseconds(0)));
  return port;
}

// A test may make more than one.
std::string namespace_name() {
  static int last = 0;
  std::string name = "t" + std::to_string(getpid()) + "-" + std::to_string(++last) + "-";
  for (const char c : std::string(::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '-';
  }
  return name.substr(0, 50);
}

Task<Status> apply_all_crds(kube::Api& api) {
  for (const api::Crd& crd : api::crds()) {
    WAN_CO_TRY_VOID(co_await api.apply(kCrds, crd.object, "tests", ""));
  }
  co_return Status();
}

constexpr std::array kRbac{
    kube::Resource{"", "v1", "serviceaccounts", "ServiceAccount"},
    kube::Resource{"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false},
    kube::Resource{"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false},
    kube::Resource{"rbac.authorization.k8s.io", "v1", "roles", "Role"},
    kube::Resource{"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"}};
constexpr kube::Resource kToken{"", "v1", "serviceaccounts/wan-gallery/token", "TokenRequest"};

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

Task<Status> apply_objects(kube::Api& api, std::vector<Json> objects) {
  for (Json& object : objects) {
    const std::string kind = string_or(object, {"kind"}, "");
    const auto resource = std::ranges::find(kRbac, kind, &kube::Resource::kind);
    if (resource == kRbac.end()) co_return fail(invalid_argument("manifests/rbac.yaml has a " + kind));
    WAN_CO_TRY_VOID(co_await api.apply(*resource, std::move(object), "tests", ""));
  }
  co_return Status();
}

Json account_kubeconfig(const kube::Config& config, const std::string& token) {
  Json made = parse_yaml(
                  "{clusters: [{name: c, cluster: {}}], users: [{name: u, user: {}}], current-context: x, "
                  "contexts: [{name: x, context: {cluster: c, user: u}}]}")
                  .value();
  made["clusters"][0]["cluster"]["server"] = "https://" + net::authority(config.server);
  made["clusters"][0]["cluster"]["certificate-authority-data"] = base64_encode(config.tls.ca_pem);
  made["users"][0]["user"]["token"] = token;
  return made;
}

bool established(const Json& crd) {
  const Json* conditions = find(crd, {"status", "conditions"});
  if (conditions == nullptr) return false;
  return std::ranges::any_of(*conditions, [](const Json& condition) {
    return string_or(condition, {"type"}, "") == "Established" &&
           string_or(condition, {"status"}, "") == "True";
  });
}

}  // namespace

ControlPlaneTest::ControlPlaneTest() : namespace_(namespace_name()) {
  auto config = kube::load_config("", "");
  EXPECT_TRUE(config) << config.error().message;
  api_.emplace(context_.get_executor(), *config, clock_);
  apply_crds();
  const auto made =
      create(kube::kNamespaces, "{apiVersion: v1, kind: Namespace, metadata: {name: " + namespace_ + "}}");
  EXPECT_TRUE(made) << made.error().message;
  apply_rbac(*config);
  runtime_port_ = free_port(context_);
  kubelet_.emplace(context_.get_executor(), *api_, namespace_, runtime_port_);
}

void ControlPlaneTest::apply_crds() {
  const Status crds = run(apply_all_crds(*api_));
  EXPECT_TRUE(crds) << crds.error().message;
  for (const api::Crd& crd : api::crds()) {
    EXPECT_TRUE(wait_for(kCrds, string_or(crd.object, {"metadata", "name"}, ""), established));
  }
}

void ControlPlaneTest::apply_rbac(const kube::Config& config) {
  const auto text = read_file(testing::source_dir() / "manifests/rbac.yaml");
  ASSERT_TRUE(text) << text.error().message;
  auto objects = parse_yaml_documents(replace_all(*text, "wan-system", namespace_));
  ASSERT_TRUE(objects) << objects.error().message;
  const Status applied = run(apply_objects(*api_, *std::move(objects)));
  ASSERT_TRUE(applied) << applied.error().message;
  const auto granted = create(kToken, "{apiVersion: authentication.k8s.io/v1, kind: TokenRequest}");
  ASSERT_TRUE(granted) << granted.error().message;
  kubeconfig_ = std::filesystem::path(::testing::TempDir()) / (namespace_ + ".kubeconfig");
  const Json made = account_kubeconfig(config, string_or(*granted, {"status", "token"}, ""));
  ASSERT_TRUE(write_file_atomically(kubeconfig_, made.dump()));
}

void ControlPlaneTest::narrow_rbac() {
  Json cluster_role = get_or_null(kRbac[1], "wan-gallery");
  Json role = *parse_yaml(
      "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: narrow}, rules: []}");
  Json kept = Json::array();
  for (const Json& rule : cluster_role["rules"]) {
    const std::string first = rule["resources"][0];
    if (first.starts_with("gallerymodels")) kept.push_back(rule);
    if (!first.starts_with("gallerymodels") && first != "namespaces") role["rules"].push_back(rule);
  }
  cluster_role["rules"] = kept;
  role["metadata"]["namespace"] = namespace_;
  EXPECT_TRUE(run(api_->update(kRbac[1], cluster_role)));
  EXPECT_TRUE(run(api_->create(kRbac[3], role)));
  EXPECT_TRUE(create(kRbac[4], R"(
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: narrow}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: narrow}
subjects: [{kind: ServiceAccount, name: wan-gallery, namespace: )" +
                                   namespace_ + "}]"));
}

ControlPlaneTest::~ControlPlaneTest() {
  operators_.clear();
  run(kubelet_->stop());
  for (const Json& model : list(kube::kGalleryModels)) {
    EXPECT_TRUE(remove(kube::kGalleryModels, string_or(model, {"metadata", "name"}, "")));
  }
  EXPECT_TRUE(remove(kube::kNamespaces, namespace_));
}

testing::OperatorProcess& ControlPlaneTest::start_operator(const std::string& name,
                                                           const OperatorFlags& flags) {
  std::vector<std::string> arguments{"run",
                                     "--operator-namespace",
                                     namespace_,
                                     "--runtime-image",
                                     "wan-runtime:test",
                                     "--health-listen",
                                     "127.0.0.1:0",
                                     "--metrics-listen",
                                     "127.0.0.1:0",
                                     "--runtime-port",
                                     std::to_string(runtime_port_),
                                     "--lease-seconds",
                                     flags.lease_seconds,
                                     "--renew-seconds",
                                     flags.renew_seconds,
                                     "--retry-seconds",
                                     flags.retry_seconds};
  if (!flags.everywhere) arguments.insert(arguments.end(), {"--namespace", namespace_});
  for (const std::string& more : flags.more_namespaces) {
    arguments.insert(arguments.end(), {"--namespace", more});
  }
  arguments.insert(arguments.end(),
                   {"--kubeconfig", flags.kubeconfig.empty() ? kubeconfig_.string() : flags.kubeconfig});
  const std::filesystem::path log =
      std::filesystem::path(::testing::TempDir()) / (namespace_ + "-" + name + ".log");
  operators_.push_back(
      std::make_unique<testing::OperatorProcess>(testing::program_dir() / "wan-operator", arguments, log));
  return *operators_.back();
}

std::string ControlPlaneTest::logs() {
  std::string text;
  for (const auto& one : operators_) text += "--- operator\n" + one->log();
  return text;
}

Result<Json> ControlPlaneTest::create(const kube::Resource& resource, const std::string& yaml) {
  WAN_TRY(Json object, parse_yaml(yaml));
  if (resource.namespaced) object["metadata"]["namespace"] = namespace_;
  return run(api_->create(resource, std::move(object)));
}

void ControlPlaneTest::make(const kube::Resource& resource, const std::string& yaml) {
  const auto made = create(resource, yaml);
  ASSERT_TRUE(made) << made.error().message;
}

Result<Json> ControlPlaneTest::get(const kube::Resource& resource, const std::string& name) {
  return run(api_->get(resource, resource.namespaced ? namespace_ : "", name));
}

Json ControlPlaneTest::get_or_null(const kube::Resource& resource, const std::string& name) {
  return get(resource, name).value_or(Json());
}

std::vector<Json> ControlPlaneTest::list(const kube::Resource& resource) {
  kube::ListOptions options;
  options.limit = 100'000;  // in one page
  if (resource.namespaced) options.namespace_ = namespace_;
  auto page = run(api_->list(resource, std::move(options)));
  EXPECT_TRUE(page) << page.error().message;
  return page ? std::move(page->items) : std::vector<Json>();
}

Status ControlPlaneTest::remove(const kube::Resource& resource, const std::string& name) {
  WAN_TRY(const Json object, get(resource, name));
  kube::DeleteOptions options;
  options.uid = string_or(object, {"metadata", "uid"}, "");
  return run(api_->remove(resource, resource.namespaced ? namespace_ : "", name, std::move(options)));
}

Result<Json> ControlPlaneTest::patch(const kube::Resource& resource, const std::string& name,
                                     const std::string& yaml) {
  WAN_TRY(Json body, parse_yaml(yaml));
  return run(api_->merge_patch(resource, resource.namespaced ? namespace_ : "", name, std::move(body)));
}

bool ControlPlaneTest::wait_until(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) {
      std::fputs(logs().c_str(), stderr);
      return false;
    }
    static_cast<void>(run(sleep_for(std::chrono::milliseconds(20))));
  }
  return true;
}

bool ControlPlaneTest::wait_for(const kube::Resource& resource, const std::string& name,
                                const std::function<bool(const Json&)>& is_so) {
  Json last;
  const bool reached = wait_until([&] {
    last = get_or_null(resource, name);
    return !last.is_null() && is_so(last);
  });
  if (!reached) {
    last["metadata"].erase("managedFields");
    ADD_FAILURE() << kube::qualified_name(resource) << " " << name << " stays " << last.dump(1);
  }
  return reached;
}

std::string ControlPlaneTest::condition_reason(const Json& object, const std::string& type) {
  const Json* conditions = find(object, {"status", "conditions"});
  if (conditions == nullptr) return "";
  for (const Json& condition : *conditions) {
    if (string_or(condition, {"type"}, "") == type) return string_or(condition, {"reason"}, "");
  }
  return "";
}

}  // namespace wan
