#include "operator/api/affinity.h"

#include "operator/api/codec.h"
#include "operator/api/limits.h"

namespace wan::api {
namespace {

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr const char* kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";
constexpr int kMaxTerms = 8;
constexpr int kMaxRequirements = 16;
constexpr int kMaxValues = 64;

Rule values_rule() {
  return {"(self.operator in ['Exists', 'DoesNotExist']) == (!has(self.values) || size(self.values) == 0)",
          "operator Exists and DoesNotExist take no values, the others at least one"};
}

Facts key_facts() {
  return {.text = "Key of a label.", .required = true, .min_length = 1, .max_length = 317};
}

Facts values_facts() {
  return {.text = "Values, at least one for In and NotIn, none for Exists and DoesNotExist.",
          .max_length = 63,
          .max_items = kMaxValues};
}

Facts weight_facts() {
  return {.text = "How much it counts beside other preferences, 1 to 100.",
          .defaulted = true,
          .minimum = 1,
          .maximum = 100};
}

}  // namespace

const Table<NodeRequirement>& NodeRequirement::table() {
  static const Table<NodeRequirement> table =
      Table<NodeRequirement>()
          .add("key", &NodeRequirement::key, key_facts())
          .add("operator", &NodeRequirement::operator_,
               {.text = "In, NotIn, Exists, DoesNotExist, Gt or Lt.",
                .required = true,
                .max_length = 16,
                .values = {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"}})
          .add("values", &NodeRequirement::values, values_facts())
          .rule(values_rule().expression, values_rule().message)
          .rule(
              "!(self.operator in ['Gt', 'Lt']) || !has(self.values) || (size(self.values) == 1 && "
              "self.values[0].matches('^-?[0-9]+$'))",
              "operator Gt and Lt take one integer, in quotes");
  return table;
}

const Table<NodeSelectorTerm>& NodeSelectorTerm::table() {
  static const Table<NodeSelectorTerm> table =
      Table<NodeSelectorTerm>()
          .add("matchExpressions", &NodeSelectorTerm::match_expressions,
               {.text = "What the node's labels must be, all of it.", .max_items = kMaxRequirements})
          .add("matchFields", &NodeSelectorTerm::match_fields,
               {.text = "The same of the node's fields, such as metadata.name.",
                .max_items = kMaxRequirements});
  return table;
}

const Table<NodeSelector>& NodeSelector::table() {
  static const Table<NodeSelector> table = Table<NodeSelector>().add(
      "nodeSelectorTerms", &NodeSelector::node_selector_terms,
      {.text = "A node must match one of them.", .required = true, .min_items = 1, .max_items = kMaxTerms});
  return table;
}

const Table<PreferredNodes>& PreferredNodes::table() {
  static const Table<PreferredNodes> table =
      Table<PreferredNodes>()
          .add("weight", &PreferredNodes::weight, weight_facts())
          .add("preference", &PreferredNodes::preference, {.text = "Nodes that are preferred."});
  return table;
}

const Table<NodeAffinity>& NodeAffinity::table() {
  static const Table<NodeAffinity> table =
      Table<NodeAffinity>()
          .add(kRequired, &NodeAffinity::required, {.text = "Nodes that pods may run on."})
          .add(kPreferred, &NodeAffinity::preferred,
               {.text = "Nodes that are taken first.", .max_items = kMaxTerms});
  return table;
}

const Table<LabelRequirement>& LabelRequirement::table() {
  static const Table<LabelRequirement> table = Table<LabelRequirement>()
                                                   .add("key", &LabelRequirement::key, key_facts())
                                                   .add("operator", &LabelRequirement::operator_,
                                                        {.text = "In, NotIn, Exists or DoesNotExist.",
                                                         .required = true,
                                                         .max_length = 16,
                                                         .values = {"In", "NotIn", "Exists", "DoesNotExist"}})
                                                   .add("values", &LabelRequirement::values, values_facts())
                                                   .rule(values_rule().expression, values_rule().message);
  return table;
}

const Table<LabelSelector>& LabelSelector::table() {
  static const Table<LabelSelector> table =
      Table<LabelSelector>()
          .add("matchLabels", &LabelSelector::match_labels,
               {.text = "Labels that must be there, all of them.",
                .max_length = 63,
                .max_items = kMaxRequirements,
                .rules = {label_map_rule()}})
          .add("matchExpressions", &LabelSelector::match_expressions,
               {.text = "What the labels must be besides, all of it.", .max_items = kMaxRequirements});
  return table;
}

const Table<PodAffinityTerm>& PodAffinityTerm::table() {
  static const Table<PodAffinityTerm> table =
      Table<PodAffinityTerm>()
          .add("labelSelector", &PodAffinityTerm::label_selector,
               {.text = "Which pods; unset means none, {} all. The pods of a WanDeployment have the label "
                        "wan.gallery/deployment with its name."})
          .add("topologyKey", &PodAffinityTerm::topology_key,
               {.text = "Label of nodes: those that have the same value of it count as one place.",
                .defaulted = true,
                .min_length = 1,
                .max_length = 317})
          .add("namespaces", &PodAffinityTerm::namespaces,
               {.text = "Namespaces of those pods; unset, and without namespaceSelector, the pod's own.",
                .max_length = 63,
                .max_items = kMaxRequirements})
          .add("namespaceSelector", &PodAffinityTerm::namespace_selector,
               {.text = "The same by labels of namespaces; {} means all."});
  return table;
}

const Table<PreferredPods>& PreferredPods::table() {
  static const Table<PreferredPods> table = Table<PreferredPods>()
                                                .add("weight", &PreferredPods::weight, weight_facts())
                                                .add("podAffinityTerm", &PreferredPods::term,
                                                     {.text = "Which pods, and what counts as one place."});
  return table;
}

const Table<PodAffinity>& PodAffinity::table() {
  static const Table<PodAffinity> table =
      Table<PodAffinity>()
          .add(kRequired, &PodAffinity::required, {.text = "What must be so.", .max_items = kMaxTerms})
          .add(kPreferred, &PodAffinity::preferred, {.text = "What is preferred.", .max_items = kMaxTerms});
  return table;
}

const Table<Affinity>& Affinity::table() {
  static const Table<Affinity> table =
      Table<Affinity>()
          .add("nodeAffinity", &Affinity::node_affinity, {.text = "Nodes by labels, as in a pod."})
          .add("podAffinity", &Affinity::pod_affinity, {.text = "To be where other pods are, as in a pod."})
          .add("podAntiAffinity", &Affinity::pod_anti_affinity,
               {.text = "Not to be where other pods are, as in a pod."});
  return table;
}

}  // namespace wan::api
