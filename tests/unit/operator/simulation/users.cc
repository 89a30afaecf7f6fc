#include "tests/unit/operator/simulation/users.h"

namespace wan::simulation {
namespace {

constexpr const char* kUser = "user";
const std::string kNamespace = "team";

Json object(const std::string& yaml, const std::string& name) {
  Json made = parse_yaml(yaml).value();
  made["metadata"]["name"] = name;
  return made;
}

const Json& model() {
  static const Json made = object(R"(
apiVersion: wan.gallery/v1alpha1
kind: GalleryModel
metadata: {}
spec:
  displayName: Wan Tiny
  task: text-to-video
  source: {local: {path: /opt/wan/gallery}, digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  profiles: [{name: cpu, gpusPerReplica: 0, cpu: "1", memory: 1Gi, precision: fp32}]
)",
                                  "wan-tiny");
  return made;
}

const Json& deployment() {
  static const Json made = object(R"(
apiVersion: wan.gallery/v1alpha1
kind: WanDeployment
metadata: {namespace: team}
spec: {model: {name: wan-tiny}, replicas: 1, artifacts: {pvc: {claimName: videos}}}
)",
                                  "tiny");
  return made;
}

const Json& served_job() {
  static const Json made = object(R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {namespace: team}
spec: {deploymentRef: {name: tiny}, prompt: a red ball, seed: 42}
)",
                                  "");
  return made;
}

const Json& one_shot_job() {
  static const Json made = object(R"(
apiVersion: wan.gallery/v1alpha1
kind: VideoJob
metadata: {namespace: team}
spec: {model: {name: wan-tiny}, prompt: a red ball, seed: 42, output: {pvc: {claimName: films}},
       retention: {podSeconds: 10}}
)",
                                  "");
  return made;
}

const Json& somebody_elses() {
  static const Json made = object(R"(
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: team}
spec:
  replicas: 1
  selector: {matchLabels: {a: b}}
  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: other}]}}
)",
                                  "taken");
  return made;
}

class Draft {
 public:
  explicit Draft(uint64_t seed) : chance_(seed * 2 + 1) {}

  Users make() {
    create(chance_.chance(0.2) ? soon() : Duration(0), kube::kGalleryModels, model());
    serves_ = chance_.chance(0.5);
    if (serves_) deployments();
    const uint64_t jobs = 1 + chance_.below(3);
    for (uint64_t i = 0; i < jobs; ++i) job("job-" + std::to_string(i));
    return std::move(users_);
  }

 private:
  void at(Duration when, std::function<void(ApiServer&)> act) {
    users_.actions.push_back({when, std::move(act)});
  }
  Duration soon() { return chance_.between(milliseconds(0), seconds(20)); }

  void create(Duration when, const kube::Resource& resource, Json made) {
    at(when, [resource, made = std::move(made)](ApiServer& server) {
      let_be(server.create(kUser, resource, made));
    });
  }
  void patch(Duration when, const kube::Resource& resource, const std::string& name, Json changed) {
    at(when, [resource, name, changed = std::move(changed)](ApiServer& server) {
      let_be(server.patch(kUser, resource, {kNamespace, name}, changed));
    });
  }

  void deployments() {
    Json first = deployment();
    first["spec"]["replicas"] = 1 + chance_.below(2);
    create(chance_.chance(0.2) ? soon() : Duration(0), kube::kWanDeployments, first);
    const Duration edited = seconds(20);
    if (chance_.chance(0.3)) {
      patch(edited + soon(), kube::kWanDeployments, "tiny", {{"spec", {{"replicas", 1 + chance_.below(2)}}}});
    }
    if (chance_.chance(0.3)) {
      patch(edited + soon(), kube::kWanDeployments, "tiny",
            {{"spec", {{"placement", {{"nodeSelector", {{"disk", "fast"}}}}}}}});
    }
    if (chance_.chance(0.1)) {
      const Duration when = edited + soon();
      patch(when, kube::kWanDeployments, "tiny", {{"spec", {{"suspend", true}}}});
      patch(when + seconds(30), kube::kWanDeployments, "tiny", {{"spec", {{"suspend", false}}}});
    }
    // Made again under its name while the first still ends: another object, and its jobs go on there.
    if (chance_.chance(0.1)) {
      const Duration when = edited + soon();
      at(when, [](ApiServer& server) {
        let_be(server.remove(kUser, kube::kWanDeployments, {kNamespace, "tiny"}, ""));
      });
      create(when + chance_.between(milliseconds(1), seconds(3)), kube::kWanDeployments, first);
    }
    // Somebody meddles with what the operator made.
    if (chance_.chance(0.2)) {
      patch(edited + soon(), kube::kServices, "tiny", {{"spec", {{"type", "NodePort"}}}});
    }
    if (chance_.chance(0.2)) {
      at(edited + soon(),
         [](ApiServer& server) { let_be(server.remove(kUser, kube::kServices, {kNamespace, "tiny"}, "")); });
    }
    if (!chance_.chance(0.15)) return;
    create(Duration(0), kube::kDeployments, somebody_elses());
    Json second = deployment();
    second["metadata"]["name"] = "taken";
    create(soon(), kube::kWanDeployments, second);
  }

  void job(const std::string& name) {
    const bool served = serves_ && chance_.chance(0.8);
    Json made = served ? served_job() : one_shot_job();
    made["metadata"]["name"] = name;
    made["spec"]["priority"] = chance_.below(3);
    const Duration when = soon();
    create(when, kube::kVideoJobs, made);
    const uint64_t fate = chance_.below(20);
    if (fate < 3) users_.fails_once.insert(name);
    if (fate == 3) users_.invalid.insert(name);
    if (fate >= 4 && fate < 7) {
      patch(when + soon(), kube::kVideoJobs, name, {{"spec", {{"cancel", true}}}});
      users_.open_ended.insert(name);
    }
    if (fate == 7 || fate == 8) {
      at(when + soon(), [name](ApiServer& server) {
        let_be(server.remove(kUser, kube::kVideoJobs, {kNamespace, name}, ""));
      });
    }
    if (fate == 9) patch(when + soon(), kube::kVideoJobs, name, {{"spec", {{"priority", 5}}}});
  }

  World chance_;
  bool serves_ = false;  // there is a WanDeployment
  Users users_;
};

}  // namespace

Users make_users(uint64_t seed) { return Draft(seed).make(); }

}  // namespace wan::simulation
