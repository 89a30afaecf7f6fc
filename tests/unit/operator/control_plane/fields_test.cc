// What leaves a spec leaves the cluster too, and what users hang on their objects stays there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/identifiers.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr kube::Resource kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet"};

class FieldsTest : public ControlPlaneTest {
 protected:
  void make_model() {
    Json model = *parse_yaml(kTinyModel);
    model["spec"]["profiles"].push_back(
        *parse_yaml("{name: large, gpusPerReplica: 0, cpu: '4', memory: 8Gi, precision: fp32}"));
    make(kube::kGalleryModels, model.dump());
  }
  bool runs(const std::string& name) {
    return wait_for(kube::kWanDeployments, name, [](const Json& d) {
      return phase(d) == "Running" &&
             int_or(d, {"status", "observedGeneration"}, -1) == int_or(d, {"metadata", "generation"}, 0);
    });
  }
  // The one Deployment of the revision that serves.
  Json child_of(const std::string& name) {
    Json found;
    EXPECT_TRUE(wait_until([&] {
      int count = 0;
      for (Json& one : list(kube::kDeployments)) {
        if (string_or(one, {"metadata", "labels", api::kLabelDeployment}, "") != name) continue;
        found = std::move(one);
        ++count;
      }
      return count == 1;
    }));
    return found;
  }
  // The pods of `name`, with everything that its name and UID decide taken out.
  std::string pods_of(const std::string& name) {
    const Json child = child_of(name);
    Json pod = child["spec"]["template"];
    Json& labels = pod["metadata"]["labels"];
    for (const char* key :
         {api::kLabelRevision, api::kLabelOwnerUid, api::kLabelDeployment, api::kLabelAppInstance})
      labels.erase(key);
    pod["metadata"].erase("annotations");
    EXPECT_THAT(child["spec"]["template"]["metadata"]["annotations"].dump(), Not(HasSubstr("example.org")));
    for (const char* key : {"serviceAccountName", "serviceAccount"}) pod["spec"].erase(key);
    return pod.dump(1);
  }
};

TEST_F(FieldsTest, EveryFieldThatIsUnsetLeavesThePodsAsIfItHadNeverBeenSet) {
  kubelet_->start();
  start_operator("a");
  make_model();
  make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: plain}
spec: {model: {name: wan-tiny}}
)");
  make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: full}
spec:
  model: {name: wan-tiny, digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  profile: large
  replicas: 2
  gpu: {resourceName: example.org/gpu, count: 1}
  placement:
    nodeSelector: {disk: fast}
    tolerations: [{key: gpu, operator: Exists}]
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{matchExpressions: [{key: gpu-memory, operator: Gt, values: ["40"]}]}]
      podAntiAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
        - podAffinityTerm: {labelSelector: {matchLabels: {wan.gallery/deployment: full}}}
    imagePullSecrets: [{name: registry}]
  cache: {emptyDir: {sizeLimit: 8Gi}}
  artifacts: {pvc: {claimName: videos}}
  access: {previousTokenSeconds: 5, tokenHashes: ["sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]}
  allowedNamespaces: {from: All}
  updatePolicy: Auto
  protection: true
  podTemplate: {metadata: {labels: {team: film}, annotations: {example.org/note: hello}}}
)");
  ASSERT_TRUE(runs("plain"));
  ASSERT_TRUE(runs("full"));
  const std::string plain = pods_of("plain");
  const std::string before = child_of("full")["spec"]["template"].dump();
  for (const char* set : {"\"disk\":\"fast\"", "\"key\":\"gpu\"", "gpu-memory", "topologyKey", "registry",
                          "8Gi", "example.org/gpu", "film", "hello", "aaaaaaaaaaaa", "\"cpu\":\"4\""}) {
    EXPECT_THAT(before, HasSubstr(set));
  }
  const auto servers = [&] {
    size_t count = 0;
    for (const Json& one : list(kube::kDeployments)) {
      count += find(one, {"metadata", "labels", api::kLabelArtifacts}) != nullptr ? 1 : 0;
    }
    return count;
  };
  EXPECT_TRUE(wait_until([&] { return servers() == 1; }));

  ASSERT_TRUE(
      patch(kube::kWanDeployments, "full",
            "spec: {model: {digest: null}, profile: null, replicas: null, gpu: null, placement: null, cache: "
            "null, artifacts: null, access: null, allowedNamespaces: null, updatePolicy: null, protection: "
            "null, podTemplate: null}"));
  ASSERT_TRUE(runs("full"));
  EXPECT_EQ(pods_of("full"), plain);
  EXPECT_EQ(int_or(child_of("full"), {"spec", "replicas"}, 0), 1);
  EXPECT_TRUE(wait_until([&] { return servers() == 0; }));
  const Json full = get_or_null(kube::kWanDeployments, "full");
  EXPECT_EQ(full["status"]["tokenHashes"].size(), 1U);
}

TEST_F(FieldsTest, MarksOfGitOpsToolsReachNoChild) {
  kubelet_->start();
  start_operator("a");
  make_model();
  const std::string marks =
      "labels: {app.kubernetes.io/instance: mine, kustomize.toolkit.fluxcd.io/name: mine}, "
      "annotations: {argocd.argoproj.io/tracking-id: \"mine:x/y:z\"}";
  make(kube::kWanDeployments, R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny, )" + marks +
                                  R"(}
spec: {model: {name: wan-tiny}, artifacts: {pvc: {claimName: videos}}}
)");
  make(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball, )" +
                             marks +
                             R"(}
spec: {model: {name: wan-tiny}, prompt: a red ball, output: {pvc: {claimName: videos}}}
)");
  ASSERT_TRUE(runs("tiny"));
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) { return phase(j) == "Succeeded"; }));
  size_t looked_at = 0;
  for (const kube::Resource& resource :
       {kube::kDeployments, kReplicaSets, kube::kPods, kube::kServices, kube::kServiceAccounts,
        kube::kNetworkPolicies, kube::kPodDisruptionBudgets, kube::kControllerRevisions, kube::kSecrets,
        kube::kJobs}) {
    size_t ours = 0;
    for (const Json& object : list(resource)) {
      if (string_or(object, {"metadata", "labels", "app.kubernetes.io/managed-by"}, "") != "wan-operator")
        continue;
      ++ours;
      const std::string text = object["metadata"].dump();
      EXPECT_THAT(text, Not(HasSubstr("mine"))) << kube::qualified_name(resource);
      EXPECT_THAT(text, Not(HasSubstr("fluxcd"))) << kube::qualified_name(resource);
      EXPECT_THAT(text, Not(HasSubstr("argoproj"))) << kube::qualified_name(resource);
    }
    EXPECT_GT(ours, 0U) << kube::qualified_name(resource);
    looked_at += ours;
  }
  EXPECT_GE(looked_at, 14U);
}

TEST_F(FieldsTest, AStatusLosesWhatIsNotSoAnyMore) {
  kubelet_->run_jobs_by_itself(false);
  kubelet_->start();
  start_operator("a");
  make_model();
  make(kube::kWanDeployments, kTinyDeployment);
  ASSERT_TRUE(runs("tiny"));
  make(kube::kVideoJobs, R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {name: red-ball}
spec: {deploymentRef: {name: tiny}, prompt: a red ball}
)");
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball",
                       [](const Json& j) { return find(j, {"status", "assignment"}) != nullptr; }));
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {suspend: true}"));
  ASSERT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) { return phase(j) == "Suspended"; }));
  const Json held = get_or_null(kube::kVideoJobs, "red-ball");
  EXPECT_EQ(find(held, {"status", "assignment"}), nullptr);
  EXPECT_EQ(condition_reason(held, "Reconciling"), "");
  ASSERT_TRUE(patch(kube::kVideoJobs, "red-ball", "spec: {suspend: false}"));
  EXPECT_TRUE(wait_for(kube::kVideoJobs, "red-ball", [](const Json& j) {
    return find(j, {"status", "assignment"}) != nullptr && condition_reason(j, "Suspended").empty();
  }));
}

}  // namespace
}  // namespace wan
