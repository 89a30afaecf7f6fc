// What Flux, kpt and CI tools make of a status, computed again and again while things happen: never Current
// before it is true.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/identifiers.h"
#include "tests/unit/operator/control_plane/control_plane.h"

namespace wan {
namespace {

// kstatus of cli-utils, for kinds that it does not know.
std::string kstatus(const Json& object) {
  if (find(object, {"metadata", "deletionTimestamp"}) != nullptr) return "Terminating";
  const Json* observed = find(object, {"status", "observedGeneration"});
  if (observed != nullptr && *observed != object["metadata"]["generation"]) return "InProgress";
  std::string ready;
  const Json* conditions = find(object, {"status", "conditions"});
  for (const Json& one : conditions != nullptr ? *conditions : Json::array()) {
    const std::string type = string_or(one, {"type"}, "");
    const std::string status = string_or(one, {"status"}, "");
    if (type == "Reconciling" && status == "True") return "InProgress";
    if (type == "Stalled" && status == "True") return "Failed";
    if (type == "Ready") ready = status;
  }
  return ready.empty() || ready == "True" ? "Current" : "InProgress";
}

class KstatusTest : public ControlPlaneTest {
 protected:
  // Looks, at most 50 ms apart, until the verdict on `name` is Current; whenever it is, `truth` must hold.
  // The world is looked at after the status, and only this test changes what is asked for.
  void until_current(const kube::Resource& resource, const std::string& name,
                     const std::function<std::string(const Json&)>& lie) {
    size_t looks = 0;
    size_t in_progress = 0;
    ASSERT_TRUE(wait_until([&] {
      const Json object = get_or_null(resource, name);
      if (object.is_null()) return false;
      ++looks;
      const std::string verdict = kstatus(object);
      if (verdict != "Current") {
        ++in_progress;
        EXPECT_NE(verdict, "Failed") << object["status"].dump(1);
        return verdict == "Failed";
      }
      const std::string wrong = lie(object);
      EXPECT_EQ(wrong, "") << object["status"].dump(1);
      return true;
    })) << get_or_null(resource, name).dump(1);
    looks_ += looks;
    in_progress_ += in_progress;
  }

  // What is not so although the WanDeployment is said to be as its spec asks; "" if it all is.
  std::string lie_of(const Json& deployment) {
    const Json& spec = deployment["spec"];
    const bool suspended = spec.value("suspend", false);
    const int64_t wanted = suspended ? 0 : spec["replicas"].get<int64_t>();
    int64_t ready = 0;
    for (const Json& pod : list(kube::kPods)) {
      if (string_or(pod, {"metadata", "labels", api::kLabelDeployment}, "") != "tiny") continue;
      if (find(pod, {"metadata", "deletionTimestamp"}) != nullptr) continue;
      if (pod["spec"].value("nodeSelector", Json()) != find_or_null(spec, {"placement", "nodeSelector"})) {
        return "a pod of another spec is there";
      }
      for (const Json& one : pod["status"].value("conditions", Json::array())) {
        if (string_or(one, {"type"}, "") == "Ready" && string_or(one, {"status"}, "") == "True") ++ready;
      }
    }
    return ready == wanted ? "" : std::to_string(ready) + " pods are ready, not " + std::to_string(wanted);
  }
  static Json find_or_null(const Json& object, std::initializer_list<std::string_view> path) {
    const Json* found = find(object, path);
    return found == nullptr ? Json() : *found;
  }
  void deployment_until_current() {
    until_current(kube::kWanDeployments, "tiny", [this](const Json& d) { return lie_of(d); });
  }
  static std::string lie_of_job(const Json& job) {
    const std::string phase = string_or(job, {"status", "phase"}, "");
    if (phase == "Succeeded") return find(job, {"status", "result", "sha256"}) != nullptr ? "" : "no result";
    if (phase == "Cancelled") return job["spec"].value("cancel", false) ? "" : "nobody cancelled it";
    if (phase == "Suspended") return job["spec"].value("suspend", false) ? "" : "nobody suspended it";
    return "it is " + phase;
  }
  void job_until_current(const std::string& name) { until_current(kube::kVideoJobs, name, lie_of_job); }
  void make_job(const std::string& name, const std::string& target) {
    make(kube::kVideoJobs, "{apiVersion: wan.gallery/v1alpha1, kind: VideoJob, metadata: {name: " + name +
                               "}, spec: {prompt: a red ball, " + target + "}}");
  }

  size_t looks_ = 0;
  size_t in_progress_ = 0;
};

TEST_F(KstatusTest, IsNeverCurrentBeforeItIsTrue) {
  kubelet_->start();
  start_operator("a");
  make(kube::kWanDeployments, kTinyDeployment);
  EXPECT_EQ(kstatus(get_or_null(kube::kWanDeployments, "tiny")), "InProgress") << "at its creation";
  make(kube::kGalleryModels, kTinyModel);
  deployment_until_current();
  for (const char* change : {"{replicas: 3}", "{placement: {nodeSelector: {disk: fast}}}",
                             "{replicas: 2, placement: {nodeSelector: {disk: slow}}}", "{replicas: 1}",
                             "{suspend: true}", "{suspend: false, placement: null}"}) {
    SCOPED_TRACE(change);
    ASSERT_TRUE(patch(kube::kWanDeployments, "tiny", std::string("spec: ") + change));
    deployment_until_current();
  }
  make_job("served", "deploymentRef: {name: tiny}");
  job_until_current("served");
  make_job("own", "model: {name: wan-tiny}, output: {pvc: {claimName: videos}}");
  job_until_current("own");
  make_job("held", "deploymentRef: {name: tiny}, suspend: true");
  job_until_current("held");
  ASSERT_TRUE(patch(kube::kVideoJobs, "held", "spec: {cancel: true}"));
  job_until_current("held");
  make_job("cancelled", "deploymentRef: {name: nowhere}");
  ASSERT_TRUE(patch(kube::kVideoJobs, "cancelled", "spec: {cancel: true}"));
  job_until_current("cancelled");
  EXPECT_GT(in_progress_, 10U) << "the changes took a while";
  std::printf("%zu verdicts, %zu of them InProgress\n", looks_, in_progress_);
}

}  // namespace
}  // namespace wan
