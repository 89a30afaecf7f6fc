#include "tests/unit/operator/control_plane/trials/trial.h"

#include "base/io/file.h"

namespace wan {
namespace {

// What labels make it look as if it were the operator's, and it is not.
constexpr const char* kForeign = R"(
apiVersion: v1
kind: ConfigMap
metadata: {name: tiny, labels: {app.kubernetes.io/managed-by: wan-operator, wan.gallery/deployment: tiny}}
data: {mine: "yes"}
)";

std::string conditions_of(const Json& object) {
  Json shown = Json::object();
  for (const Json& one : object["status"].value("conditions", Json::array())) {
    shown[string_or(one, {"type"}, "")] =
        string_or(one, {"status"}, "") + " " + string_or(one, {"reason"}, "");
  }
  return shown.dump();
}

std::string own_state(const Json& object) {
  Json shown = Json::object();
  for (const char* field : {"phase", "result", "replicas", "readyReplicas", "attempts", "failures"}) {
    if (object["status"].contains(field)) shown[field] = object["status"][field];
  }
  if (shown.contains("result")) shown["result"].erase("url");  // the fake runtime puts the job's UID there
  shown["upToDate"] =
      int_or(object, {"status", "observedGeneration"}, -1) == int_or(object, {"metadata", "generation"}, 0);
  return shown.dump() + " " + conditions_of(object);
}

// The intent of a child; its digests depend on the owner's UID.
std::string child_state(const Json& object) {
  Json shown = Json::object();
  shown["replicas"] = object.value("spec", Json::object()).value("replicas", Json());
  shown["template"] = object.value("spec", Json::object())
                          .value("template", Json::object())
                          .value("spec", Json::object())
                          .value("nodeSelector", Json());
  shown["labels"] = object["metadata"].value("labels", Json::object()).size();
  return shown.dump();
}

}  // namespace

Trial::Trial() : tasks_(context_.get_executor()) {
  const auto config = kube::load_config("", "");
  proxy_.emplace(context_.get_executor(), *config);
  EXPECT_TRUE(proxy_->start());
  Json kubeconfig = parse_json(read_file(kubeconfig_).value()).value();
  Json& cluster = kubeconfig["clusters"][0]["cluster"];
  cluster = Json::object();
  cluster["server"] = proxy_->url();
  proxied_ = std::filesystem::path(::testing::TempDir()) / (namespace_ + ".proxied.kubeconfig");
  EXPECT_TRUE(write_file_atomically(proxied_, kubeconfig.dump()));
  make(kube::kConfigMaps, kForeign);
  foreign_ = get_or_null(kube::kConfigMaps, "tiny");
  tasks_.spawn("watch pods", watch_pods());
  make(kube::kGalleryModels, kTinyModel);
}

Trial::~Trial() {
  operators_.clear();
  tasks_.cancel();
  testing::run_task(context_, tasks_.join());
  testing::run_task(context_, proxy_->stop());
}

Task<void> Trial::watch_pods() {
  kube::WatchOptions options;
  options.namespace_ = namespace_;
  options.resource_version = "0";
  options.timeout = std::chrono::hours(1);
  auto stream = co_await api_->watch(kube::kPods, options);
  while (stream) {
    const auto events = co_await (*stream)->read();
    if (!events || events->empty()) co_return;
    for (const kube::WatchEvent& event : *events) {
      const std::string uid = string_or(event.object, {"metadata", "uid"}, "");
      if (!uid.empty()) pods_.insert(uid);
    }
  }
}

testing::OperatorProcess& Trial::start_behind_proxy(OperatorFlags flags) {
  flags.kubeconfig = proxied_.string();
  return start_operator("operator-" + std::to_string(operators_.size()), flags);
}

testing::OperatorProcess& Trial::start_program(const std::filesystem::path& program,
                                               std::vector<std::string> arguments) {
  const auto log =
      std::filesystem::path(::testing::TempDir()) /
      (namespace_ + "-" + program.filename().string() + "-" + std::to_string(operators_.size()) + ".log");
  operators_.push_back(std::make_unique<testing::OperatorProcess>(program, std::move(arguments), log));
  return *operators_.back();
}

void Trial::watch_arrivals(const kube::Resource& resource) {
  tasks_.spawn("watch arrivals", note_arrivals(resource));
}

Task<void> Trial::note_arrivals(kube::Resource resource) {
  kube::ListOptions listing;
  listing.namespace_ = namespace_;
  const auto page = co_await api_->list(resource, listing);
  if (!page) co_return;
  kube::WatchOptions options;
  options.namespace_ = namespace_;
  options.resource_version = page->resource_version;
  options.timeout = std::chrono::hours(1);
  auto stream = co_await api_->watch(resource, options);
  while (stream) {
    const auto events = co_await (*stream)->read();
    if (!events || events->empty()) co_return;
    const auto now = std::chrono::steady_clock::now();
    for (const kube::WatchEvent& event : *events) {
      arrivals_[kube::qualified_name(resource)].emplace(string_or(event.object, {"metadata", "name"}, ""),
                                                        now);
    }
  }
}

bool Trial::deployment_runs() {
  return wait_for(kube::kWanDeployments, "tiny", [](const Json& deployment) {
    return string_or(deployment, {"status", "phase"}, "") == "Running" &&
           int_or(deployment, {"status", "observedGeneration"}, -1) ==
               int_or(deployment, {"metadata", "generation"}, 0);
  });
}

bool Trial::job_is(const std::string& phase) {
  return wait_for(kube::kVideoJobs, "red-ball",
                  [&](const Json& job) { return string_or(job, {"status", "phase"}, "") == phase; });
}

// The name of a revision depends on the UID of its owner.
std::string Trial::shown_name(const Json& object) {
  std::string name = string_or(object, {"metadata", "name"}, "");
  const std::string revision = string_or(object, {"metadata", "labels", "wan.gallery/revision"}, "");
  if (!revision.empty() && name.ends_with(revision))
    name.replace(name.size() - revision.size(), revision.size(), "REVISION");
  return name;
}

EndState Trial::end_state() {
  EndState end;
  for (const kube::Resource& resource : {kube::kWanDeployments, kube::kVideoJobs}) {
    for (const Json& object : list(resource)) {
      end[std::string(resource.kind) + " " + string_or(object, {"metadata", "name"}, "")] = own_state(object);
    }
  }
  for (const kube::Resource& resource :
       {kube::kDeployments, kube::kServices, kube::kSecrets, kube::kJobs, kube::kServiceAccounts,
        kube::kNetworkPolicies, kube::kPodDisruptionBudgets}) {
    for (const Json& object : list(resource)) {
      end[std::string(resource.kind) + " " + shown_name(object)] += child_state(object);
    }
  }
  for (const Json& pod : list(kube::kPods)) {
    end["pods of " + string_or(pod, {"metadata", "labels", "app.kubernetes.io/name"}, "?")] += "one ";
  }
  return end;
}

bool Trial::foreign_is_untouched() { return get_or_null(kube::kConfigMaps, "tiny") == foreign_; }

}  // namespace wan
