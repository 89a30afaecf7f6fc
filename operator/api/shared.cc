#include "operator/api/shared.h"

#include "operator/api/codec.h"
#include "operator/api/limits.h"

namespace wan::api {

const Table<NameRef>& NameRef::table() {
  static const Table<NameRef> table = Table<NameRef>().add("name", &NameRef::name,
                                                           {.text = "Name of the object referred to.",
                                                            .required = true,
                                                            .min_length = 1,
                                                            .max_length = 253,
                                                            .rules = {object_name_rule()}});
  return table;
}

const Table<ClaimRef>& ClaimRef::table() {
  static const Table<ClaimRef> table = Table<ClaimRef>().add(
      "claimName", &ClaimRef::claim_name,
      {.text = "Name of a PersistentVolumeClaim in the namespace of the pods that mount it.",
       .required = true,
       .min_length = 1,
       .max_length = 253,
       .rules = {object_name_rule()}});
  return table;
}

const Table<ModelRef>& ModelRef::table() {
  static const Table<ModelRef> table =
      Table<ModelRef>()
          .add("name", &ModelRef::name,
               {.text = "Name of a GalleryModel.",
                .required = true,
                .min_length = 1,
                .max_length = 253,
                .rules = {object_name_rule()}})
          .add("digest", &ModelRef::digest,
               {.text =
                    "Manifest digest that the model must have, sha256:HEX. Unset takes the GalleryModel's.",
                .max_length = 71,
                .rules = {digest_rule()}});
  return table;
}

const Table<Gpu>& Gpu::table() {
  static const Table<Gpu> table =
      Table<Gpu>()
          .add("resourceName", &Gpu::resource_name,
               {.text = "Node resource that a replica asks for, such as nvidia.com/gpu. Unset takes the "
                        "profile's.",
                .max_length = 253,
                .rules = {resource_name_rule()}})
          .add("count", &Gpu::count,
               {.text =
                    "How many of it a replica asks for, 0 to 64. Unset takes the profile's gpusPerReplica.",
                .minimum = 0,
                .maximum = 64});
  return table;
}

const Table<Toleration>& Toleration::table() {
  static const Table<Toleration> table =
      Table<Toleration>()
          .add("key", &Toleration::key,
               {.text = "Taint key that is tolerated; unset with operator Exists tolerates every taint.",
                .max_length = 317})
          .add("operator", &Toleration::operator_,
               {.text = "Exists (any value) or Equal (this value; what unset means).",
                .max_length = 16,
                .values = {"Exists", "Equal"}})
          .add("value", &Toleration::value, {.text = "Taint value, for operator Equal.", .max_length = 63})
          .add("effect", &Toleration::effect,
               {.text = "Taint effect that is tolerated; unset means all.",
                .max_length = 32,
                .values = {"NoSchedule", "PreferNoSchedule", "NoExecute"}})
          .add("tolerationSeconds", &Toleration::toleration_seconds,
               {.text = "With effect NoExecute: how long a pod may stay on a node after the taint appeared.",
                .minimum = 0})
          .rule("has(self.key) || (has(self.operator) && self.operator == 'Exists')",
                "a toleration without key must have operator Exists")
          .rule("!has(self.value) || !has(self.operator) || self.operator == 'Equal'",
                "a toleration with a value must have operator Equal")
          .rule("!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "tolerationSeconds is allowed only with effect NoExecute");
  return table;
}

const Table<Placement>& Placement::table() {
  static const Table<Placement> table =
      Table<Placement>()
          .add("nodeSelector", &Placement::node_selector,
               {.text = "Labels that a node must have.",
                .max_length = 63,
                .max_items = 16,
                .rules = {label_map_rule()}})
          .add("tolerations", &Placement::tolerations,
               {.text = "Taints that pods tolerate.", .max_items = 16})
          .add("affinity", &Placement::affinity,
               {.text = "Nodes and neighbours that pods want or avoid, as in a pod."})
          .add("runtimeClassName", &Placement::runtime_class_name,
               {.text = "RuntimeClass of the pods, such as nvidia.",
                .max_length = 253,
                .rules = {object_name_rule()}})
          .add("priorityClassName", &Placement::priority_class_name,
               {.text = "PriorityClass of the pods.", .max_length = 253, .rules = {object_name_rule()}})
          .add("imagePullSecrets", &Placement::image_pull_secrets,
               {.text = "Secrets with registry credentials for the runtime image.",
                .max_items = 8,
                .list_type = "map",
                .list_keys = {"name"}});
  return table;
}

const Table<EmptyDir>& EmptyDir::table() {
  static const Table<EmptyDir> table =
      Table<EmptyDir>().add("sizeLimit", &EmptyDir::size_limit,
                            {.text = "Most that the weights may take on the node's disk, such as 80Gi."});
  return table;
}

const Table<Cache>& Cache::table() {
  static const Table<Cache> table =
      Table<Cache>()
          .add("emptyDir", &Cache::empty_dir, {.text = "The node's disk, as long as the pod lives."})
          .add("pvc", &Cache::pvc, {.text = "A claim that keeps the weights from pod to pod."})
          .rule("has(self.emptyDir) != has(self.pvc)", "cache must have exactly one of emptyDir and pvc");
  return table;
}

}  // namespace wan::api
