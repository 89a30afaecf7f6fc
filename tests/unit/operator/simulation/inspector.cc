#include "tests/unit/operator/simulation/inspector.h"

#include <algorithm>

#include "operator/api/identifiers.h"
#include "operator/cache/key.h"
#include "tests/unit/operator/simulation/operator_model.h"

namespace wan::simulation {
namespace {

bool is_operator(const std::string& actor) { return actor.starts_with("operator"); }
std::string phase_of(const Json& object) { return string_or(object, {"status", "phase"}, ""); }
bool finished(const Json& job) {
  const std::string phase = phase_of(job);
  return phase == "Succeeded" || phase == "Failed" || phase == "Cancelled";
}

bool is_true(const Json& object, const std::string& type) {
  const Json* conditions = wan::find(object, {"status", "conditions"});
  if (conditions == nullptr) return false;
  return std::ranges::any_of(*conditions, [&](const Json& one) {
    return string_or(one, {"type"}, "") == type && string_or(one, {"status"}, "") == "True";
  });
}

// What kstatus computes from the object is "Current".
bool is_current(const Json& object) {
  return int_or(object, {"status", "observedGeneration"}, -1) ==
             int_or(object, {"metadata", "generation"}, 0) &&
         !is_true(object, "Reconciling") && !is_true(object, "Stalled") && is_true(object, "Ready");
}

bool ours(const Json& object) { return label_of(object, api::kLabelManagedBy) == api::kManagedBy; }

std::string name(const Write& write) {
  return std::string(write.resource.kind) + " " + cache::to_string(write.key);
}

}  // namespace

Inspector::Inspector(ApiServer& server, Fleet& fleet) : server_(server), fleet_(fleet) {
  server_.listen([this](const Write& write) { on_write(write); });
  server_.listen_to_removals([this](const Write& write) { on_removal(write); });
  fleet_.listen([this](const Accepted& accepted) { on_accepted(accepted); });
}

bool Inspector::leads(const std::string& actor) const {
  for (const Object& lease : server_.all(kube::kLeases)) {
    if (string_or(*lease, {"spec", "holderIdentity"}, "") == actor) return true;
  }
  return false;
}

void Inspector::on_removal(const Write& write) {
  if (!is_operator(write.actor)) return;
  if (!write.by_uid) report(write.actor + " deletes " + name(write) + " without its UID");
  if (!ours(*write.before)) report(write.actor + " deletes " + name(write) + " of somebody else");
}

void Inspector::on_write(const Write& write) {
  if (is_operator(write.actor) && write.resource != kube::kLeases) {
    ++operator_writes_;
    check_child(write);
  }
  if (!write.after) {
    assigned_.erase(uid_of(*write.before));
    return;
  }
  if (write.resource == kube::kVideoJobs) check_job(write);
  if (write.resource.group == "wan.gallery") check_conditions(write);
  if (write.resource == kube::kWanDeployments) {
    note_truth(*write.after);
    check_deployment(write);
  }
  if (write.resource == kube::kPods) {
    for (const Object& deployment : server_.all(kube::kWanDeployments)) {
      if (uid_of(*deployment) == label_of(*write.after, api::kLabelOwnerUid)) note_truth(*deployment);
    }
  }
}

void Inspector::check_child(const Write& write) {
  if (write.resource.group == "wan.gallery") {
    if (!write.after) report(write.actor + " deletes " + name(write));
    if (write.before && write.after &&
        write.before->value("spec", Json()) != write.after->value("spec", Json())) {
      report(write.actor + " writes the spec of " + name(write));
    }
    return;
  }
  if (write.before && !ours(*write.before))
    report(write.actor + " writes to " + name(write) + " of somebody else");
  if (!write.after || write.before) return;
  // A batch Job is one attempt; whether two are worked on at once is for on_accepted to say.
  if (write.resource != kube::kDeployments && write.resource != kube::kServices) return;
  for (const Object& other : server_.all(write.resource)) {
    if (uid_of(*other) == uid_of(*write.after) || controller_of(*other) != controller_of(*write.after))
      continue;
    const bool twin = (*other).value("spec", Json()) == write.after->value("spec", Json());
    if (twin) {
      report(name(write) + " is a second one beside " + key_of(*other).name);
    }
  }
}

void Inspector::check_job(const Write& write) {
  const Json& after = *write.after;
  const std::string uid = uid_of(after);
  check_assignment(write);
  if (!write.before) return;
  if (finished(*write.before) && phase_of(*write.before) != phase_of(after)) {
    report(name(write) + " was " + phase_of(*write.before) + " and is " + phase_of(after));
  }
  if (phase_of(*write.before) == "Succeeded" && wan::find(*write.before, {"status", "result"})->dump() !=
                                                    after["status"].value("result", Json()).dump()) {
    report("the result of " + name(write) + " changed");
  }
  if (phase_of(after) == "Succeeded" && !fleet_.made().contains(uid)) {
    report(name(write) + " is Succeeded and no pod has made its video");
  }
  if (int_or(after, {"status", "attempts"}, 0) < int_or(*write.before, {"status", "attempts"}, 0)) {
    report(name(write) + " has lost attempts");
  }
}

void Inspector::check_assignment(const Write& write) {
  const Json& job = *write.after;
  const std::string uid = uid_of(job);
  const std::string pod = finished(job) ? "" : string_or(job, {"status", "assignment", "podUID"}, "");
  const int attempt = static_cast<int>(int_or(job, {"status", "assignment", "attempt"}, 0));
  const auto known = assigned_.find(uid);
  if (pod.empty()) {
    if (known != assigned_.end()) assigned_.erase(known);
    return;
  }
  if (known != assigned_.end() && known->second.pod_uid == pod && known->second.attempt == attempt) return;
  const bool by_leader = leads(write.actor);
  assignments_[uid].insert({pod, attempt});
  for (const auto& [other, assigned] : assigned_) {
    if (other == uid || assigned.pod_uid != pod || !assigned.by_leader || !by_leader) continue;
    report(name(write) + " is assigned to pod " + pod + ", which job " + other + " has already");
  }
  assigned_[uid] = {pod, attempt, by_leader};
}

void Inspector::on_accepted(const Accepted& accepted) {
  const std::string what = "pod " + accepted.pod_uid + " took job " + accepted.job_uid + " attempt " +
                           std::to_string(accepted.attempt) + " of epoch " + accepted.epoch;
  std::string& highest = epochs_[accepted.pod_uid];
  if (cache::version_less(accepted.epoch, highest)) report(what + " after epoch " + highest);
  highest = accepted.epoch;
  if (!accepted.fresh) return;
  if (!assignments_[accepted.job_uid].contains({accepted.pod_uid, accepted.attempt})) {
    report(what + ", which was never assigned to it");
  }
  for (const std::string& pod : fleet_.working_on(accepted.job_uid)) {
    if (pod != accepted.pod_uid) report(what + " while pod " + pod + " works on it");
  }
}

void Inspector::check_conditions(const Write& write) {
  const Json& object = *write.after;
  if (is_true(object, "Reconciling") && is_true(object, "Stalled")) {
    report(name(write) + " is Reconciling and Stalled");
  }
  if (write.resource != kube::kVideoJobs || !is_current(object)) return;
  if (phase_of(object) != "Succeeded" && phase_of(object) != "Cancelled" && phase_of(object) != "Suspended") {
    report(name(write) + " is Ready in phase " + phase_of(object));
  }
}

// Every pod of the deployment is as its present spec asks, and Ready.
void Inspector::note_truth(const Json& deployment) {
  const int64_t wanted =
      bool_or(deployment, {"spec", "suspend"}, false) ? 0 : int_or(deployment, {"spec", "replicas"}, 1);
  const Json selector = deployment["spec"].value("placement", Json::object()).value("nodeSelector", Json());
  int64_t ready = 0;
  for (const Object& pod : server_.all(kube::kPods)) {
    if (label_of(*pod, api::kLabelOwnerUid) != uid_of(deployment) || !is_live(*pod)) continue;
    if (!is_ready(*pod) || (*pod)["spec"].value("nodeSelector", Json()) != selector) return;
    ++ready;
  }
  if (ready == wanted) truth_[uid_of(deployment)] = int_or(deployment, {"metadata", "generation"}, 0);
}

void Inspector::check_deployment(const Write& write) {
  const Json& object = *write.after;
  if (!is_operator(write.actor) || !is_current(object)) return;
  const auto truth = truth_.find(uid_of(object));
  if (truth == truth_.end() || truth->second != int_or(object, {"metadata", "generation"}, 0)) {
    report(name(write) + " is Ready and was never served as its spec asks");
  }
}

}  // namespace wan::simulation
