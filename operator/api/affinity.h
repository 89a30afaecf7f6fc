#pragma once
// spec.placement.affinity: the Affinity of a pod in Kubernetes, field by field, so that a mistake is refused
// when it is applied and not when a pod is made of it. https://kubernetes.io/docs/reference/kubernetes-api/,
// PodSpec.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/field_table.h"

namespace wan::api {

// Of a label (or, of nodes, a field).
struct NodeRequirement {
  std::string key;
  std::string operator_;  // In NotIn Exists DoesNotExist Gt Lt
  std::vector<std::string> values;

  bool operator==(const NodeRequirement&) const = default;
  static const Table<NodeRequirement>& table();
};

struct NodeSelectorTerm {
  std::vector<NodeRequirement> match_expressions;
  std::vector<NodeRequirement> match_fields;

  bool operator==(const NodeSelectorTerm&) const = default;
  static const Table<NodeSelectorTerm>& table();
};

struct NodeSelector {
  std::vector<NodeSelectorTerm> node_selector_terms;

  bool operator==(const NodeSelector&) const = default;
  static const Table<NodeSelector>& table();
};

struct PreferredNodes {
  int weight = 1;
  NodeSelectorTerm preference;

  bool operator==(const PreferredNodes&) const = default;
  static const Table<PreferredNodes>& table();
};

struct NodeAffinity {
  std::optional<NodeSelector> required;
  std::vector<PreferredNodes> preferred;

  bool operator==(const NodeAffinity&) const = default;
  static const Table<NodeAffinity>& table();
};

struct LabelRequirement {
  std::string key;
  std::string operator_;  // In NotIn Exists DoesNotExist
  std::vector<std::string> values;

  bool operator==(const LabelRequirement&) const = default;
  static const Table<LabelRequirement>& table();
};

struct LabelSelector {
  std::map<std::string, std::string> match_labels;
  std::vector<LabelRequirement> match_expressions;

  bool operator==(const LabelSelector&) const = default;
  static const Table<LabelSelector>& table();
};

struct PodAffinityTerm {
  std::optional<LabelSelector> label_selector;
  std::string topology_key = "kubernetes.io/hostname";
  std::vector<std::string> namespaces;
  std::optional<LabelSelector> namespace_selector;

  bool operator==(const PodAffinityTerm&) const = default;
  static const Table<PodAffinityTerm>& table();
};

struct PreferredPods {
  int weight = 1;
  PodAffinityTerm term;

  bool operator==(const PreferredPods&) const = default;
  static const Table<PreferredPods>& table();
};

struct PodAffinity {
  std::vector<PodAffinityTerm> required;
  std::vector<PreferredPods> preferred;

  bool operator==(const PodAffinity&) const = default;
  static const Table<PodAffinity>& table();
};

struct Affinity {
  std::optional<NodeAffinity> node_affinity;
  std::optional<PodAffinity> pod_affinity;
  std::optional<PodAffinity> pod_anti_affinity;

  bool operator==(const Affinity&) const = default;
  static const Table<Affinity>& table();
};

}  // namespace wan::api
