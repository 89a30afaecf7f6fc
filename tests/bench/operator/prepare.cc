// What both scenarios stand on: a model, a deployment with eight replicas and a store, served by fake
// runtimes on a node of kwok's.

#include <algorithm>

#include "operator/kube/api_error.h"
#include "tests/bench/operator/scenario.h"

namespace wan::bench {
namespace {

constexpr const char* kModel = R"(
apiVersion: wan.gallery/v1alpha1
kind: GalleryModel
metadata: {name: bench}
spec:
  displayName: Bench
  task: text-to-video
  source: {local: {path: /opt/wan/gallery}, digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  profiles: [{name: cpu, gpusPerReplica: 0, cpu: "1", memory: 1Gi, precision: fp32}]
)";
constexpr const char* kVolume = R"(
apiVersion: v1
kind: PersistentVolume
metadata: {name: bench-jobs-videos}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  hostPath: {path: /tmp/wan-bench-videos}
  claimRef: {namespace: bench-jobs, name: videos}
)";
constexpr const char* kClaim = R"(
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: videos, namespace: bench-jobs}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  volumeName: bench-jobs-videos
  resources: {requests: {storage: 1Gi}}
)";
constexpr const char* kDeployment = R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {name: tiny, namespace: bench-jobs}
spec: {model: {name: bench}, replicas: 8, artifacts: {pvc: {claimName: videos}}}
)";
constexpr const char* kNamespace = "{apiVersion: v1, kind: Namespace, metadata: {name: bench-jobs}}";
// kwok fills in what is missing; so many pods fit.
constexpr const char* kNode = R"(
apiVersion: v1
kind: Node
metadata:
  name: fake
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {kubernetes.io/hostname: fake, kubernetes.io/os: linux, kubernetes.io/arch: amd64}
status:
  allocatable: {cpu: "100000", memory: 100Ti, pods: "100000"}
  capacity: {cpu: "100000", memory: 100Ti, pods: "100000"}
)";

Task<Status> create(kube::Api& api, kube::Resource resource, const char* yaml) {
  WAN_CO_TRY(Json object, parse_yaml(yaml));
  const auto made = co_await api.create(resource, std::move(object));
  co_return made || kube::is_already_exists(made.error()) ? Status() : Status(fail(made.error()));
}

bool is_ready(const Json& object) {
  const Json* conditions = find(object, {"status", "conditions"});
  if (conditions == nullptr) return false;
  return std::ranges::any_of(*conditions, [](const Json& one) {
    return string_or(one, {"type"}, "") == "Ready" && string_or(one, {"status"}, "") == "True";
  });
}

}  // namespace

Task<Status> prepare(Setup& setup) {
  kube::Api& api = setup.admin.at(0);
  WAN_CO_TRY_VOID(co_await create(api, kNodes, kNode));
  WAN_CO_TRY_VOID(co_await create(api, kNamespaces, kNamespace));
  WAN_CO_TRY_VOID(co_await create(api, kVolumes, kVolume));
  WAN_CO_TRY_VOID(co_await create(api, kClaims, kClaim));
  WAN_CO_TRY_VOID(co_await create(api, kube::kGalleryModels, kModel));
  WAN_CO_TRY_VOID(co_await create(api, kube::kWanDeployments, kDeployment));
  Contender contender(setup.ours);
  WAN_CO_TRY_VOID(co_await contender.start(setup.logs / "prepare.log"));
  Json last;
  for (int tries = 0; tries < 600 && !is_ready(last); ++tries) {
    WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(100)));
    WAN_CO_TRY(last, co_await api.get(kube::kWanDeployments, kJobsNamespace, "tiny"));
  }
  WAN_CO_TRY_VOID(co_await contender.stop());
  if (is_ready(last)) co_return Status();
  co_return fail(unavailable("WanDeployment tiny is not ready: " + last["status"].dump()));
}

}  // namespace wan::bench
