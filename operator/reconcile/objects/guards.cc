#include "operator/reconcile/objects/guards.h"

#include "operator/reconcile/objects/names.h"
#include "operator/reconcile/objects/served_model.h"

namespace wan::reconcile {
namespace {

Json selector_of(const api::WanDeployment& deployment) {
  return {{"matchLabels", {{api::kLabelDeployment, deployment.metadata.name}}}};
}

Json port(const std::string& protocol, int number) { return {{"protocol", protocol}, {"port", number}}; }

// Where clouds answer pods with credentials of the node; some of it is reachable on the port of DNS too.
Json anywhere_but_metadata() {
  return Json::array({{{"namespaceSelector", Json::object()}},
                      {{"ipBlock", {{"cidr", "0.0.0.0/0"}, {"except", {"169.254.169.254/32"}}}}},
                      {{"ipBlock", {{"cidr", "::/0"}, {"except", {"fd00:ec2::254/128"}}}}}});
}

Json from_wan_gallery(const Settings& settings) {
  return {{"namespaceSelector",
           {{"matchLabels", {{"kubernetes.io/metadata.name", settings.operator_namespace}}}}},
          {"podSelector", {{"matchLabels", {{"app.kubernetes.io/part-of", "wan-gallery"}}}}}};
}

Json artifact_servers() {
  const Json labelled = {{"key", api::kLabelArtifacts}, {"operator", "Exists"}};
  return {{"namespaceSelector", Json::object()},
          {"podSelector", {{"matchExpressions", Json::array({labelled})}}}};
}

}  // namespace

Json runtime_account(const api::WanDeployment& deployment) {
  Json object = child("v1", "ServiceAccount", pod_companion_name(deployment), child_labels(deployment),
                      owner_of(deployment));
  object["automountServiceAccountToken"] = false;
  return with_intent(std::move(object));
}

Json runtime_network_policy(const api::WanDeployment& deployment, const Settings& settings) {
  Json object = child("networking.k8s.io/v1", "NetworkPolicy", pod_companion_name(deployment),
                      child_labels(deployment), owner_of(deployment));
  const Json ingress = {{"from", Json::array({from_wan_gallery(settings)})},
                        {"ports", Json::array({port("TCP", kRuntimePort)})}};
  const Json names = {{"to", anywhere_but_metadata()},
                      {"ports", Json::array({port("UDP", 53), port("TCP", 53)})}};
  const Json artifacts = {{"to", Json::array({artifact_servers()})},
                          {"ports", Json::array({port("TCP", kRuntimePort)})}};
  object["spec"] = {{"podSelector", selector_of(deployment)},
                    {"policyTypes", {"Ingress", "Egress"}},
                    {"ingress", Json::array({ingress})},
                    {"egress", Json::array({names, artifacts})}};
  return with_intent(std::move(object));
}

Json runtime_disruption_budget(const api::WanDeployment& deployment) {
  Json object = child("policy/v1", "PodDisruptionBudget", pod_companion_name(deployment),
                      child_labels(deployment), owner_of(deployment));
  object["spec"] = {{"maxUnavailable", 1},
                    {"unhealthyPodEvictionPolicy", "AlwaysAllow"},
                    {"selector", selector_of(deployment)}};
  return with_intent(std::move(object));
}

}  // namespace wan::reconcile
