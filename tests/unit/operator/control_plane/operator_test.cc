#include <algorithm>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/io/file.h"
#include "operator/api/identifiers.h"
#include "operator/cache/key.h"
#include "operator/kube/api_error.h"
#include "tests/support/cuttable_proxy.h"
#include "tests/support/paths.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kJob = R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec:
  deploymentRef: {name: tiny}
  prompt: "a red ball \u2028 moves 🎬 to the right"
  seed: 42
)";

std::string uid(const Json& object) { return string_or(object, {"metadata", "uid"}, ""); }

std::string owner(const Json& object) {
  const Json* owners = find(object, {"metadata", "ownerReferences"});
  if (owners == nullptr || owners->size() != 1) return "";
  const Json& only = owners->front();
  if (!bool_or(only, {"controller"}, false) || !bool_or(only, {"blockOwnerDeletion"}, false)) return "";
  return string_or(only, {"kind"}, "") + " " + string_or(only, {"uid"}, "");
}

class OperatorTest : public ControlPlaneTest {
 protected:
  void make_all() {
    make(kube::kGalleryModels, kTinyModel);
    make(kube::kWanDeployments, kTinyDeployment);
  }
  bool runs() {
    return wait_for(kube::kWanDeployments, "tiny", [](const Json& d) { return phase(d) == "Running"; });
  }
  std::string holder() {
    return string_or(get_or_null(kube::kLeases, "wan-operator"), {"spec", "holderIdentity"}, "");
  }
  testing::FakeRuntime& runtime() { return *kubelet_->runtimes().begin()->second; }
  // Those that the operator made for WanDeployment tiny.
  std::vector<Json> ours(const kube::Resource& resource) {
    std::vector<Json> all = list(resource);
    std::erase_if(all, [](const Json& object) {
      return string_or(object, {"metadata", "labels", api::kLabelDeployment}, "") != "tiny";
    });
    return all;
  }
  // Asks until its only Deployment is so.
  bool wait_for_child(const std::function<bool(const Json&)>& is_so) {
    return wait_until([&] {
      const std::vector<Json> all = ours(kube::kDeployments);
      return all.size() == 1 && is_so(all.front());
    });
  }
};

TEST_F(OperatorTest, MakesTheChildrenOfAWanDeploymentAndTheClusterRemovesThemWithIt) {
  start_operator("a");
  make_all();
  ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny", [](const Json& d) {
    return int_or(d, {"status", "observedGeneration"}, -1) == 1 && find(d, {"status", "tokenSecretRef"});
  }));
  const std::string expected = "WanDeployment " + uid(get_or_null(kube::kWanDeployments, "tiny"));
  ASSERT_EQ(ours(kube::kDeployments).size(), 1U);
  EXPECT_EQ(owner(ours(kube::kDeployments)[0]), expected);
  EXPECT_EQ(ours(kube::kControllerRevisions).size(), 2U) << "the revision and the token's anchor";
  for (const Json& revision : ours(kube::kControllerRevisions)) EXPECT_EQ(owner(revision), expected);
  EXPECT_EQ(owner(get_or_null(kube::kServices, "tiny")), expected);
  EXPECT_EQ(owner(get_or_null(kube::kServiceAccounts, "tiny-runtime")), expected);
  EXPECT_EQ(owner(get_or_null(kube::kNetworkPolicies, "tiny-runtime")), expected);
  EXPECT_EQ(owner(get_or_null(kube::kPodDisruptionBudgets, "tiny-runtime")), expected);
  const Json secret = get_or_null(kube::kSecrets, "tiny-token-1");
  EXPECT_EQ(string_or(secret["metadata"]["ownerReferences"][0], {"uid"}, ""),
            uid(get_or_null(kube::kControllerRevisions, "tiny-token-1")));

  ASSERT_TRUE(remove(kube::kWanDeployments, "tiny"));
  EXPECT_TRUE(wait_until([&] {
    return list(kube::kDeployments).empty() && list(kube::kServices).empty() && list(kube::kPods).empty() &&
           list(kube::kControllerRevisions).empty() && list(kube::kNetworkPolicies).empty() &&
           list(kube::kPodDisruptionBudgets).empty() && get_or_null(kube::kSecrets, "tiny-token-1").is_null();
  }));
}

TEST_F(OperatorTest, BringsAVideoJobToItsEndAndTellsEachPhaseOnTheWay) {
  kubelet_->start();
  start_operator("a");
  make_all();
  ASSERT_TRUE(runs());
  make(kube::kVideoJobs, kJob);
  std::vector<std::string> phases;
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [&](const Json& job) {
    if (const std::string now = phase(job); !now.empty() && (phases.empty() || phases.back() != now)) {
      phases.push_back(now);
    }
    return phase(job) == "Succeeded";
  }));
  EXPECT_TRUE(std::ranges::is_sorted(phases, {}, [](const std::string& p) {
    return p == "Pending" ? 0 : p == "Queued" ? 1 : p == "Running" ? 2 : 3;
  })) << ::testing::PrintToString(phases);
  const Json job = get_or_null(kube::kVideoJobs, "red-ball");
  EXPECT_EQ(string_or(job, {"status", "result", "sha256"}, ""), "sha256:" + std::string(64, 'b'));
  EXPECT_EQ(condition_reason(job, "Succeeded"), "Completed");
  EXPECT_EQ(condition_reason(job, "Reconciling"), "");
  EXPECT_EQ(runtime().puts(), 1U);
  const auto& requests = runtime().requests();
  const auto put = std::ranges::find(requests, "PUT", &testing::RuntimeRequest::method);
  ASSERT_NE(put, requests.end());
  EXPECT_EQ(string_or(put->body, {"spec", "prompt"}, ""), "a red ball \u2028 moves 🎬 to the right");
  EXPECT_EQ(put->capability.epoch, string_or(put->body, {"epoch"}, ""));
  EXPECT_FALSE(string_or(put->body, {"artifact", "token"}, "").empty());
  EXPECT_TRUE(wait_until([&] {
    return std::ranges::any_of(list(kube::kEvents), [](const Json& event) {
      return string_or(event, {"reason"}, "") == "Completed";
    });
  }));
}

TEST_F(OperatorTest, LeavesAServiceOfSomebodyElseAlone) {
  make(kube::kServices, R"(
apiVersion: v1
kind: Service
metadata: {name: tiny}
spec: {selector: {a: b}, ports: [{port: 80}]}
)");
  const Json before = get_or_null(kube::kServices, "tiny");
  start_operator("a");
  make_all();
  ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny",
                       [](const Json& d) { return condition_reason(d, "Ready") == "NameConflict"; }));
  EXPECT_EQ(get_or_null(kube::kServices, "tiny"), before);
  ASSERT_TRUE(remove(kube::kServices, "tiny"));
  EXPECT_TRUE(wait_for_child([](const Json&) { return true; })) << "goes on once the name is free";
}

TEST_F(OperatorTest, ReplacesPodsByARevisionOfWhatTheSpecAsksForAndGoesBackToTheOneBefore) {
  kubelet_->start();
  start_operator("a");
  make(kube::kGalleryModels, kTinyModel);
  make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny}
spec:
  model: {name: wan-tiny}
  placement: {tolerations: [{key: gpu, operator: Exists}]}
)");
  ASSERT_TRUE(runs());
  const std::string first = string_or(ours(kube::kDeployments).front(), {"metadata", "name"}, "");
  const auto tolerates = [](const Json& d) {
    return find(d, {"spec", "template", "spec", "tolerations"}) != nullptr;
  };
  EXPECT_TRUE(tolerates(ours(kube::kDeployments).front()));
  ASSERT_TRUE(patch(kube::kWanDeployments, "tiny", "spec: {placement: null}"));
  EXPECT_TRUE(wait_for_child(
      [&](const Json& d) { return string_or(d, {"metadata", "name"}, "") != first && !tolerates(d); }));
  EXPECT_EQ(ours(kube::kControllerRevisions).size(), 3U);
  ASSERT_TRUE(patch(kube::kWanDeployments, "tiny",
                    "spec: {placement: {tolerations: [{key: gpu, operator: Exists}]}}"));
  EXPECT_TRUE(wait_for_child([&](const Json& d) { return string_or(d, {"metadata", "name"}, "") == first; }));
  EXPECT_TRUE(runs());
  EXPECT_EQ(int_or(get_or_null(kube::kControllerRevisions, first), {"revision"}, 0), 3) << "the newest again";
}

TEST_F(OperatorTest, PutsBackWhatSomebodyElseChangesAndNothingElse) {
  kubelet_->start();
  start_operator("a");
  make_all();
  ASSERT_TRUE(runs());
  const std::string child = string_or(ours(kube::kDeployments).front(), {"metadata", "name"}, "");
  for (const Json& deployment : list(kube::kDeployments)) {
    const std::string name = string_or(deployment, {"metadata", "name"}, "");
    if (name == child) continue;
    ASSERT_TRUE(patch(kube::kDeployments, name, "spec: {replicas: 0}")) << "the artifact server";
    EXPECT_TRUE(wait_for(kube::kDeployments, name,
                         [](const Json& d) { return int_or(d, {"spec", "replicas"}, 0) == 1; }));
  }
  ASSERT_TRUE(patch(kube::kDeployments, child, "spec: {replicas: 3, minReadySeconds: 1}"));
  EXPECT_TRUE(wait_for(kube::kDeployments, child, [](const Json& d) {
    return int_or(d, {"spec", "replicas"}, 0) == 1 && int_or(d, {"spec", "minReadySeconds"}, 0) == 1;
  })) << "a field that the operator does not set is left alone";
  ASSERT_TRUE(patch(kube::kNetworkPolicies, "tiny-runtime", "spec: {ingress: [{}]}"));
  EXPECT_TRUE(wait_for(kube::kNetworkPolicies, "tiny-runtime", [](const Json& policy) {
    return find(policy["spec"]["ingress"][0], {"from"}) != nullptr;
  }));
  ASSERT_TRUE(remove(kube::kPodDisruptionBudgets, "tiny-runtime"));
  EXPECT_TRUE(
      wait_until([&] { return !get_or_null(kube::kPodDisruptionBudgets, "tiny-runtime").is_null(); }));
  ASSERT_TRUE(patch(kube::kServices, "tiny", "spec: {selector: {wan.gallery/deployment: other}}"));
  EXPECT_TRUE(wait_for(kube::kServices, "tiny", [](const Json& service) {
    return string_or(service, {"spec", "selector", api::kLabelDeployment}, "") == "tiny";
  }));
}

TEST_F(OperatorTest, AReplacedTokenStaysValidForItsGraceTimeAndThenItsSecretGoes) {
  start_operator("a");
  make(kube::kGalleryModels, kTinyModel);
  make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny}
spec:
  model: {name: wan-tiny}
  access: {previousTokenSeconds: 3}
)");
  const auto hashes = [](const Json& d) {
    const Json* all = find(d, {"status", "tokenHashes"});
    return all == nullptr ? 0 : all->size();
  };
  ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny", [&](const Json& d) { return hashes(d) == 1; }));
  ASSERT_TRUE(patch(kube::kWanDeployments, "tiny", "spec: {access: {tokenGeneration: 2}}"));
  ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny", [&](const Json& d) { return hashes(d) == 2; }));
  EXPECT_FALSE(get_or_null(kube::kSecrets, "tiny-token-2").is_null());
  ASSERT_TRUE(wait_for(kube::kWanDeployments, "tiny", [&](const Json& d) { return hashes(d) == 1; }));
  EXPECT_TRUE(wait_until([&] { return get_or_null(kube::kSecrets, "tiny-token-1").is_null(); }));
}

TEST_F(OperatorTest, ADeploymentThatWentToZeroComesBackForAJobAndGoesAgain) {
  kubelet_->start();
  start_operator("a");
  make(kube::kGalleryModels, kTinyModel);
  make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny}
spec:
  model: {name: wan-tiny}
  scaling: {min: 0, max: 2, scaleToZeroAfterSeconds: 1}
  artifacts: {pvc: {claimName: videos}}
)");
  const auto stopped = [this] {
    return wait_for(kube::kWanDeployments, "tiny",
                    [](const Json& d) { return condition_reason(d, "Ready") == "ScaledToZero"; });
  };
  ASSERT_TRUE(stopped());
  EXPECT_TRUE(wait_until([&] { return ours(kube::kPods).empty(); }));
  make(kube::kVideoJobs, kJob);
  ASSERT_TRUE(
      wait_for(kube::kVideoJobs, "red-ball", [](const Json& job) { return phase(job) == "Succeeded"; }));
  EXPECT_TRUE(stopped());
}

TEST_F(OperatorTest, AnotherOperatorTakesOverAfterTheLeaderIsKilledAndTheJobStillEnds) {
  kubelet_->run_jobs_by_itself(false);
  kubelet_->start();
  testing::OperatorProcess& first = start_operator("a");
  ASSERT_TRUE(wait_until([&] { return first.logged("leading as"); }));
  const std::string first_holder = holder();
  testing::OperatorProcess& second = start_operator("b");
  ASSERT_TRUE(wait_until([&] { return second.logged("another process leads"); }));
  make_all();
  ASSERT_TRUE(runs());
  make(kube::kVideoJobs, kJob);
  ASSERT_TRUE(wait_until([&] { return runtime().puts() == 1; }));
  const Json job = get_or_null(kube::kVideoJobs, "red-ball");
  const std::string first_epoch = runtime().requests().back().capability.epoch;

  first.signal(SIGKILL);
  ASSERT_EQ(first.wait(10), -SIGKILL);
  Json state = *runtime().job(uid(job));
  state["phase"] = "Running";
  runtime().set_job(state);
  ASSERT_TRUE(wait_until([&] { return second.logged("leading as"); }));
  EXPECT_NE(holder(), first_holder);
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) { return phase(j) == "Running"; }));
  EXPECT_EQ(runtime().puts(), 1U) << "the new leader finds the job where the old one left it";
  EXPECT_TRUE(cache::version_less(first_epoch, runtime().requests().back().capability.epoch));

  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {cancel: true}"));
  EXPECT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) { return phase(j) == "Cancelled"; }));
  EXPECT_EQ(string_or(*runtime().job(uid(job)), {"phase"}, ""), "Cancelled");
}

TEST_F(OperatorTest, GivesTheLeaseBackWhenItIsAskedToEnd) {
  OperatorFlags slow;
  slow.lease_seconds = "600";
  slow.renew_seconds = "300";
  testing::OperatorProcess& first = start_operator("a", slow);
  ASSERT_TRUE(wait_until([&] { return first.logged("leading as"); }));
  testing::OperatorProcess& second = start_operator("b", slow);
  ASSERT_TRUE(wait_until([&] { return second.logged("another process leads"); }));
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(20), 0) << first.log();
  EXPECT_TRUE(wait_until([&] { return second.logged("leading as"); }));
}

TEST_F(OperatorTest, EndsWhenSomebodyElseTookTheLease) {
  testing::OperatorProcess& only = start_operator("a");
  ASSERT_TRUE(wait_until([&] { return only.logged("leading as"); }));
  ASSERT_TRUE(patch(kube::kLeases, "wan-operator", "spec: {holderIdentity: thief}"));
  EXPECT_EQ(only.wait(20), 1) << only.log();
  EXPECT_TRUE(only.logged("leadership is lost"));
}

TEST_F(OperatorTest, CancelsOnThePodWhatADeletedJobLeftRunning) {
  kubelet_->run_jobs_by_itself(false);
  kubelet_->start();
  start_operator("a");
  make_all();
  ASSERT_TRUE(runs());
  make(kube::kVideoJobs, kJob);
  ASSERT_TRUE(wait_until([&] { return runtime().puts() == 1; }));
  const std::string job = uid(get_or_null(kube::kVideoJobs, "red-ball"));
  ASSERT_TRUE(remove(kube::kVideoJobs, "red-ball"));
  EXPECT_TRUE(wait_until([&] { return string_or(*runtime().job(job), {"phase"}, "") == "Cancelled"; }));
}

// Everything that anybody wrote by server-side apply, as the API server counts it; only the operator and the
// fake kubelet do.
class RequestCounter {
 public:
  RequestCounter(asio::io_context& context, const kube::Config& config)
      : context_(context), http_(context.get_executor(), config.server, config.tls) {}
  std::vector<std::string> writes() {
    net::Request request;
    request.target = "/metrics";
    const auto response =
        testing::run_task(context_, http_.send(std::move(request), std::chrono::seconds(20)));
    EXPECT_TRUE(response) << response.error().message;
    std::vector<std::string> lines;
    for (size_t begin = 0; response && begin < response->body.size();) {
      const size_t end = std::min(response->body.find('\n', begin), response->body.size());
      const std::string line = response->body.substr(begin, end - begin);
      begin = end + 1;
      if (line.starts_with("apiserver_request_total{") && is_ours(line)) lines.push_back(line);
    }
    return lines;
  }

 private:
  static bool is_ours(const std::string& line) {
    const bool write = line.find("verb=\"APPLY\"") != std::string::npos ||
                       line.find("verb=\"DELETE\"") != std::string::npos ||
                       line.find("verb=\"POST\"") != std::string::npos;
    return write && line.find("resource=\"leases\"") == std::string::npos &&
           line.find("resource=\"subjectaccessreviews\"") == std::string::npos &&
           line.find("resource=\"tokenreviews\"") == std::string::npos;
  }

  asio::io_context& context_;
  net::Client http_;
};

TEST_F(OperatorTest, WritesNothingButItsLeaseWhileNothingHappens) {
  kubelet_->start();
  start_operator("a");
  make_all();
  ASSERT_TRUE(runs());
  make(kube::kVideoJobs, kJob);
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) { return phase(j) == "Succeeded"; }));
  RequestCounter counter(context_, *kube::load_config("", ""));
  // Quiet for ten renewals in a row; the last events and pods of before may come first.
  std::vector<std::string> before = counter.writes();
  int renewals = 0;
  std::string lease;
  EXPECT_TRUE(wait_until([&] {
    const std::string now = string_or(get_or_null(kube::kLeases, "wan-operator"), {"spec", "renewTime"}, "");
    if (now == lease) return false;
    lease = now;
    const std::vector<std::string> writes = counter.writes();
    renewals = writes == before ? renewals + 1 : 0;
    before = writes;
    return renewals == 10;
  }));
}

TEST_F(OperatorTest, ServesOnAfterTheApiServerWasOutOfReach) {
  auto config = kube::load_config("", "");
  ASSERT_TRUE(config);
  testing::CuttableProxy proxy(context_, {asio::ip::make_address(config->server.host), config->server.port});
  const std::string kubeconfig = read_file(kubeconfig_).value();
  const std::string address = net::authority(config->server);
  const size_t at = kubeconfig.find(address);
  ASSERT_NE(at, std::string::npos);
  std::string through_proxy = kubeconfig;
  through_proxy.replace(at, address.size(), "127.0.0.1:" + std::to_string(proxy.port()));
  const auto file = std::filesystem::path(::testing::TempDir()) / (namespace_ + ".proxy.kubeconfig");
  ASSERT_TRUE(write_file_atomically(file, through_proxy));

  kubelet_->start();
  OperatorFlags patient;
  patient.lease_seconds = "60";
  patient.renew_seconds = "50";
  patient.kubeconfig = file.string();
  testing::OperatorProcess& only = start_operator("a", patient);
  make_all();
  ASSERT_TRUE(runs());
  proxy.cut();
  make(kube::kVideoJobs, kJob);
  ASSERT_TRUE(wait_until([&] { return only.logged("renewing the Lease"); }));
  EXPECT_EQ(phase(get_or_null(kube::kVideoJobs, "red-ball")), "");
  proxy.mend();
  EXPECT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) { return phase(j) == "Succeeded"; }));
  EXPECT_FALSE(only.logged("leadership is lost"));
  run(proxy.stop());
}

TEST_F(OperatorTest, SaysWhichKindsAreMissingAndWaitsForThem) {
  for (const Json& crd : list(kCrds)) {
    ASSERT_TRUE(remove(kCrds, string_or(crd, {"metadata", "name"}, "")));
  }
  ASSERT_TRUE(wait_until([&] { return list(kCrds).empty(); }));
  testing::OperatorProcess& only = start_operator("a");
  ASSERT_TRUE(wait_until([&] { return only.logged("does not serve videojobs.wan.gallery"); }));
  EXPECT_FALSE(only.logged("leading as"));
  apply_crds();
  ASSERT_TRUE(wait_until([&] { return only.logged("leading as"); }));
}

TEST_F(OperatorTest, TheApiServerRefusesBadManifestsAndSaysWhatIsAllowed) {
  const std::filesystem::path root = testing::source_dir() / "tests/unit/operator/api/manifests";
  int refused = 0;
  for (const auto& file : std::filesystem::directory_iterator(root / "bad")) {
    const std::string text = read_file(file.path()).value();
    const std::string first = text.substr(0, text.find('\n'));
    ASSERT_TRUE(first.starts_with("# expect: ")) << file.path();
    const Json object = *parse_yaml(text);
    const kube::Resource* resource =
        kube::find_resource(string_or(object, {"apiVersion"}, ""), string_or(object, {"kind"}, ""));
    ASSERT_NE(resource, nullptr) << file.path();
    const auto made = create(*resource, text);
    ASSERT_FALSE(made) << file.path() << " was taken";
    EXPECT_TRUE(kube::is_invalid(made.error())) << file.path() << made.error().message;
    EXPECT_THAT(made.error().message, HasSubstr(first.substr(10))) << file.path();
    ++refused;
  }
  EXPECT_GT(refused, 40);
  for (const auto& file : std::filesystem::directory_iterator(root / "good")) {
    const std::string text = read_file(file.path()).value();
    const Json object = *parse_yaml(text);
    const kube::Resource resource =
        *kube::find_resource(string_or(object, {"apiVersion"}, ""), string_or(object, {"kind"}, ""));
    const auto made = create(resource, text);
    EXPECT_TRUE(made) << file.path() << made.error().message;
    if (made) EXPECT_TRUE(remove(resource, string_or(*made, {"metadata", "name"}, "")));
  }
}

}  // namespace
}  // namespace wan
